limit "rolling" {
  max   = 1
  group = "storage"
}
file "/etc/storage.conf" {
  content = "size = 10\n"
  notify  = [service.storage]
}
service "storage" { # one node at a time is restarted, and looked at before the next
  ensure = "running"
  limit  = limit.rolling
}
exec "healthy" {
  command     = "storagectl wait-until-healthy"
  refreshonly = true
  subscribe   = [service.storage]
  limit       = limit.rolling
}
