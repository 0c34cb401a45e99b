# A first manifest: run it twice. It touches one folder, below the state folder of whoever runs it.

variable "greeting" {
  type        = string
  default     = "Hello"
  description = "First word of the welcome page."

  validation {
    condition     = length(var.greeting) > 0
    error_message = "must not be empty"
  }
}

locals {
  state = fact.identity.privileged ? "/var/lib/apply" : pathexpand("~/.local/state/apply")
  dir   = "${local.state}/quickstart"
}

defaults "file" {
  mode = "0600"
}

exec "state" { # the guard says when it is no longer needed
  command = "mkdir -p -m 0700 ${local.state}"
  creates = local.state
}

file "home" {
  path    = local.dir
  ensure  = "directory"
  mode    = "0700"
  require = [exec.state]
}

file "welcome" {
  path    = "${local.dir}/welcome.txt"
  content = templatefile("${path.module}/welcome.tftpl", { greeting = var.greeting, host = fact.hostname, os = fact.os.name })
  notify  = [exec.publish]
}

file "current" {
  path   = "${local.dir}/current"
  ensure = "link"
  target = "welcome.txt"
}

exec "key" { # once
  command = "head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n' > key"
  cwd     = local.dir
  creates = "${local.dir}/key"
  umask   = "077"
  require = [file.home]
}

exec "publish" { # only when the page has changed
  command     = "date -u +%FT%TZ >> published.log"
  cwd         = local.dir
  refreshonly = true
}

output "page" {
  value = file.welcome.path
}
