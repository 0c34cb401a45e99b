# An ssh server for those who have a key.

variable "port" {
  type    = number
  default = 22
}

variable "allow" {
  type        = list(string)
  description = "Who may log in."

  validation {
    condition     = length(var.allow) > 0
    error_message = "must name somebody, or nobody could log in"
  }
}

package "openssh-server" {}

file "/etc/ssh/sshd_config.d/50-site.conf" { # before what sshd_config says itself
  content      = <<-EOT
    Port ${var.port}
    AllowUsers ${join(" ", var.allow)}
    PermitRootLogin no
    PasswordAuthentication no
    X11Forwarding no
  EOT
  mode         = "0600"
  validate_cmd = "sshd -t -f %" # what sshd does not understand never gets there
  require      = [package.openssh-server]
  notify       = [service.ssh]
}

service "ssh" {
  ensure = "running"
  enable = true
}
