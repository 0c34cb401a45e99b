host "node2.example.com" {
  ip           = "10.0.0.2"
  host_aliases = ["node2"]
}
