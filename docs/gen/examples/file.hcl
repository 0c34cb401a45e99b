file "/etc/app" {
  ensure = "directory"
  mode   = "0750"
}

file "/etc/app/app.conf" {
  content = "port = 8080\n"
  owner   = "root"
  mode    = "0640"
}
