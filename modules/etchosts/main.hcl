# The same /etc/hosts on all nodes, from a map or from what the nodes of a group export. Lines of others stay.

variable "nodes" {
  default     = {}
  description = "A map of name to address, or to { ip, aliases }."
}
variable "group" {
  type        = string
  default     = null
  description = "In place of nodes: all nodes of this group that have exported their address."
}
variable "target" {
  type    = string
  default = "/etc/hosts"
}
variable "purge" {
  type        = bool
  default     = false
  description = "Remove entries that are not declared; never localhost, nor comments."
}

locals {
  given = {
    for name, n in var.nodes :
    name => { ip = try(n.ip, n), aliases = try(n.aliases, []) }
  }
}

locals {
  exported = { for name, facts in merge({}, wait.hosts.nodes) : name => facts if var.group != null }
  names    = join(" ", concat(keys(local.given), keys(local.exported)))
  known    = "BEGIN { n = split(\"${local.names}\", a); for (i = 1; i <= n; i++) ours[tolower(a[i])] = 1 }"
  foreign  = "${local.known} !/^[ \t]*(#|$)/ && $1 !~ /^(127\\.|::1$|f[ef]0)/ && !(tolower($2) in ours)"
  keep     = "${local.known} /^[ \t]*(#|$)/ || $1 ~ /^(127\\.|::1$|f[ef]0)/ || (tolower($2) in ours)"
}

fact "etchosts" {
  when  = var.group != null
  value = { ip = fact.ip, aliases = [] }
}

wait "hosts" {
  when    = var.group != null
  fact    = "etchosts"
  group   = var.group
  require = [fact.etchosts]
}

host "given" {
  for_each     = local.given
  name         = each.key
  ip           = each.value.ip
  host_aliases = each.value.aliases
  target       = var.target
}

host "exported" {
  when         = var.group != null
  for_each     = local.exported
  name         = each.key
  ip           = each.value.etchosts.ip
  host_aliases = each.value.etchosts.aliases
  target       = var.target
}

exec "purge" { # what is left of others: localhost, multicast names, comments
  when    = var.purge
  command = <<-EOT
    set -eu
    file=$(readlink -f '${var.target}')
    new=$(mktemp "$file.XXXXXX")
    trap 'rm -f "$new"' EXIT
    cp -a "$file" "$new"
    awk '${local.keep}' "$file" > "$new"
    mv -f "$new" "$file" 2>/dev/null || cat "$new" > "$file" # a file that is a mount of its own, as in containers, cannot be replaced
  EOT
  unless  = "test -z \"$(awk '${local.foreign}' '${var.target}')\""
  require = [host.given, host.exported]
}

output "entries" {
  value = merge(local.given, { for name, facts in local.exported : name => facts.etchosts })
}
