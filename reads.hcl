file "/srv/c" { content = "c\n" }
exec "d" {
  command = "cat /srv/c > /srv/d 2>/dev/null || true"
  creates = "/srv/d"
}
