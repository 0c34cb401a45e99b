# The classic single GlusterFS node: a disk, a mount, the packages, the daemon.
#
#   FACTER_data_device=/dev/xvdj FACTER_manifest_dir=$PWD apply main.hcl

variable "repository" {
  type = object({
    uris       = optional(list(string)) # apt
    suites     = optional(list(string))
    components = optional(list(string))
    signed_by  = optional(string)       # the key's path, or the armoured key itself
    baseurl    = optional(list(string)) # dnf
    gpgkey     = optional(list(string))
  })
  default     = null
  description = "Where the packages come from; null: the repositories that the node has."
}

variable "packages" {
  type    = list(string)
  default = ["glusterfs-server", "glusterfs-client", "glusterfs-common"]
}

locals {
  device = fact.data_device
  dist   = "${fact.manifest_dir}/dist"
}

defaults "file" {
  owner = "root"
  group = "root"
}

exec "mkfs_data" {
  path    = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"]
  command = "mkfs.ext4 -q -I 512 -E lazy_itable_init=1 ${local.device}"
  unless  = "tune2fs -l ${local.device}"
  before  = [mount.data_dir]
}

file "/data" {
  ensure = "directory"
  mode   = "0755"
  before = [mount.data_dir]
}

mount "data_dir" {
  path    = "/data"
  device  = local.device
  fstype  = "ext4"
  options = "defaults,noatime"
  ensure  = "mounted"
}

file "/data/brick01" {
  ensure  = "directory"
  require = [mount.data_dir]
}

file "/etc/firewall.rules" {
  source = "${local.dist}/firewall.rules"
  mode   = "0600"
  notify = [service.firewall]
}

file "/etc/systemd/system/firewall.service" {
  source = "${local.dist}/firewall.service"
  mode   = "0644"
  notify = [service.firewall]
}

service "firewall" {
  ensure  = "running"
  enable  = true
  require = [package.glusterfs] # which may bring nft
}

repo "glusterfs" {
  when       = var.repository != null
  descr      = "GlusterFS"
  uris       = try(var.repository.uris, null)
  suites     = try(var.repository.suites, null)
  components = try(var.repository.components, null)
  signed_by  = try(var.repository.signed_by, null)
  baseurl    = try(var.repository.baseurl, null)
  gpgkey     = try(var.repository.gpgkey, null)
}

package "glusterfs" {
  name   = var.packages
  ensure = "installed"
}

service "glusterd" {
  ensure    = "running"
  enable    = true
  subscribe = [package.glusterfs]
  require   = [service.firewall, mount.data_dir]
}

file "/etc/rc.gluster" {
  source = "${local.dist}/rc.gluster"
  mode   = "0755"
  notify = [exec.rc_local]
}

exec "rc_local" { # hook the script into rc.local, once
  command     = "printf '#!/bin/sh\\n' >> /etc/rc.local; echo /etc/rc.gluster >> /etc/rc.local; chmod 755 /etc/rc.local"
  unless      = "grep -q rc.gluster /etc/rc.local"
  refreshonly = true
}
