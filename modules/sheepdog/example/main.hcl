# Three nodes, each with an empty disk: apply --exchange https://boss:7654 --group sheepdog main.hcl
module "sheepdog" {
  source   = "sheepdog"
  device   = "/dev/vdb"
  min      = 3
  copies   = 2
  binaries = "/opt/sheepdog/sbin"
  corosync = {
    bindnetaddr = "10.0.0.0"
    mcastport   = 5405
  }
}
output "quorate" {
  value = module.sheepdog.quorate
}
