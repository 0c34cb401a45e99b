# nginx with a site for each name, and no other sites.

variable "sites" {
  type = map(object({
    port    = optional(number, 80)
    aliases = optional(list(string), [])
  }))
}

package "nginx" {}

file "/srv/www" {
  ensure = "directory"
}

file "root" { # what is in it is not managed here
  for_each = var.sites
  path     = "/srv/www/${each.key}"
  ensure   = "directory"
}

file "/etc/nginx/sites-enabled" { # a site that is no longer declared goes
  ensure  = "directory"
  recurse = true
  purge   = true
  require = [package.nginx]
  notify  = [exec.check]
}

file "site" {
  for_each = var.sites
  path     = "/etc/nginx/sites-enabled/${each.key}"
  content  = templatefile("${path.module}/site.tftpl", merge(each.value, { name = each.key, root = file.root[each.key].path }))
  notify   = [exec.check]
}

exec "check" { # all of it together: where it fails, nginx goes on with what it has
  command     = ["nginx", "-t", "-q"]
  refreshonly = true
  notify      = [service.nginx]
}

service "nginx" {
  ensure     = "running"
  enable     = true
  on_refresh = "reload"
}

output "urls" {
  value = [for name, s in var.sites : "http://${name}:${s.port}/"]
}
