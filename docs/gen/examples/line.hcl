line "no root by password" {
  path  = "/etc/ssh/sshd_config"
  line  = "PermitRootLogin prohibit-password"
  match = "^#?PermitRootLogin "
}
