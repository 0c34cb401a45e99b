service "nginx" {
  ensure    = "running"
  enable    = true
  subscribe = [file["/etc/nginx/nginx.conf"]]
}

package "nginx" {}

file "/etc/nginx/nginx.conf" {
  content = "events {}\n"
  require = [package.nginx]
}
