# Three nodes, each with an empty disk: apply --exchange https://boss:7654 --group gluster main.hcl
variable "nodes" {
  type    = map(string)
  default = { node01 = "10.0.0.1", node02 = "10.0.0.2", node03 = "10.0.0.3" }
}

module "hosts" {
  source = "etchosts"
  nodes  = var.nodes
}

module "gluster" {
  source         = "glusterfs"
  device         = "/dev/vdb"
  type           = "replica"
  min            = length(var.nodes)
  client_mount   = "/shared"
  volume_options = { "network.ping-timeout" = "10" }
  require        = [module.hosts]
}

output "bricks" {
  value = module.gluster.bricks
}
