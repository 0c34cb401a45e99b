repo "site" {
  provider   = "apt"
  uris       = "https://packages.example.com/debian"
  suites     = "stable"
  components = "main"
  signed_by  = "/etc/apt/keyrings/site.asc"
}
