service "nginx" {
  ensure    = "running"
  enable    = true
  subscribe = [file["/etc/nginx/nginx.conf"]]
}

file "/etc/nginx/nginx.conf" {
  content = "events {}\n"
}
