wait "bricks" {
  fact    = "glusterup"
  group   = "gluster"
  min     = 2
  timeout = "10m"
}
exec "peer_probe" {
  for_each = wait.bricks.others
  command  = ["gluster", "peer", "probe", each.value.hostname]
  unless   = "gluster pool list | grep -qw ${each.value.hostname}"
}
