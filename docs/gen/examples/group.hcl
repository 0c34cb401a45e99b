group "ops" {
  gid     = 2000
  members = ["ann", "bob"]
}

user "staff" {
  for_each = toset(["ann", "bob"])
  name     = each.key
}
