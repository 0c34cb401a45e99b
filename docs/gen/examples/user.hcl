user "ann" {
  uid        = 2001
  groups     = ["sudo"]
  shell      = "/bin/bash"
  managehome = true
}
