# Every node of the group finds every other by name: apply --exchange https://boss:7654 --group storage main.hcl
module "hosts" {
  source = "etchosts"
  group  = "storage"
}

module "fixed" {
  source = "etchosts"
  nodes = {
    gateway = "10.0.0.254"
    files   = { ip = "10.0.0.10", aliases = ["nfs", "backup"] }
  }
}
output "entries" {
  value = module.hosts.entries
}
