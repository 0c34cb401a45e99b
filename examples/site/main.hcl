# A web server with its people, as roles of Puppet or Ansible have it: roles are modules, what differs from node to node is data.
#
#   apply plan main.hcl

locals {
  # The later file wins; a node without a file of its own has what is common.
  files = [for name in ["common", fact.hostname] : "${path.module}/data/${name}.yaml"]
  data  = merge([for f in local.files : yamldecode(file(f)) if fileexists(f)]...)
}

module "people" {
  source = "./people"
  people = local.data.people
}

module "ssh" {
  source  = "./ssh"
  port    = local.data.ssh_port
  allow   = [for name, p in local.data.people : name if !try(p.gone, false)]
  require = [module.people] # with their keys, before passwords let nobody in any more
}

module "web" {
  source = "./web"
  sites  = local.data.sites
}

output "sites" {
  value = module.web.urls
}
