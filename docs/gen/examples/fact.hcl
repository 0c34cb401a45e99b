service "glusterd" {
  ensure = "running"
}
fact "glusterup" {
  value   = true
  require = [service.glusterd]
}
