authorized_key "ann@laptop" {
  user    = "ann"
  key     = "AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
  options = ["no-pty", "from=\"10.0.0.0/8\""]
}

user "ann" {
  managehome = true
}
