group "ops" {
  gid     = 2000
  members = ["ann", "bob"]
}
