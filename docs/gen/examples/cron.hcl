cron "backup" {
  command     = "/usr/local/bin/backup --all"
  user        = "ann"
  hour        = 2
  minute      = 30
  weekday     = ["mon", "thu"]
  environment = { MAILTO = "ops@example.com" }
}

user "ann" {}
