# What both nodes run, at the same time. Neither is told which of them it is.

module "hosts" { # each finds the other by its name
  source = "etchosts"
  nodes  = { node01 = "10.77.0.2", node02 = "10.77.0.3" }
}

module "gluster" { # disk, mount, packages, daemon; wait for the other; volume; mount it
  source       = "glusterfs"
  device       = "/dev/xvdj"
  type         = "replica"
  min          = 2
  client_mount = "/shared"
  require      = [module.hosts]
}

output "bricks" {
  value = module.gluster.bricks
}
