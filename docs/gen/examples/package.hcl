package "web" {
  name   = ["nginx", "certbot"]
  ensure = "installed"
}
