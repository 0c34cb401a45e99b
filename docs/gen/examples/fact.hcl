fact "glusterup" {
  value   = true
  require = [service.glusterd]
}

package "glusterfs-server" {}

service "glusterd" {
  ensure  = "running"
  require = [package.glusterfs-server]
}
