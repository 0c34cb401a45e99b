# Accounts with keys, and who may become root.

variable "people" {
  type = map(object({
    uid  = number
    keys = optional(map(string), {})
    sudo = optional(bool, false)
    gone = optional(bool, false)
  }))
}

locals {
  here = { for name, p in var.people : name => p if !p.gone }
  keys = merge([
    for name, p in local.here : { for title, key in p.keys : title => { user = name, key = key } }
  ]...)
}

user "person" {
  for_each   = var.people
  name       = each.key
  uid        = each.value.uid
  ensure     = each.value.gone ? "absent" : "present"
  shell      = "/bin/bash"
  managehome = true
}

authorized_key "key" {
  for_each = local.keys
  name     = each.key
  user     = each.value.user
  key      = each.value.key
}

package "sudo" {}

file "/etc/sudoers.d" { # nobody else, but for what the package has there
  ensure  = "directory"
  recurse = true
  purge   = true
  ignore  = "README"
  require = [package.sudo]
}

file "sudo" {
  for_each     = { for name, p in local.here : name => p if p.sudo }
  path         = "/etc/sudoers.d/${each.key}"
  content      = "${each.key} ALL=(ALL) NOPASSWD: ALL\n"
  mode         = "0440"
  validate_cmd = "visudo -cf %"
}
