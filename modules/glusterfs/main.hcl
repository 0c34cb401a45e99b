# A GlusterFS volume over any number of nodes, each of which runs this at the same time: disk, mount, packages, daemon, peers, volume, client mount.

variable "device" {
  type        = string
  description = "The block device of this node's brick. One that carries any signature is never formatted, unless force says so."
}
variable "mount_point" {
  type    = string
  default = "/data"
}
variable "brick" {
  type        = string
  default     = "brick01"
  description = "The brick's folder below the mount point."
}
variable "fs_options" {
  type        = string
  default     = "defaults,noatime"
  description = "Mount options of the brick's file system."
}
variable "volume" {
  type    = string
  default = "vol01"
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.volume))
    error_message = "A volume's name has letters, digits, _ and - only."
  }
}
variable "type" {
  type    = string
  default = "distribute"
  validation {
    condition     = contains(["distribute", "replica", "disperse"], var.type)
    error_message = "The type is distribute, replica or disperse."
  }
}
variable "copies" {
  type        = number
  default     = null
  description = "Copies of a replica, bricks of a disperse set. Default: all nodes."
}
variable "group" {
  type    = string
  default = "gluster"
}
variable "min" {
  type        = number
  default     = null
  description = "How many nodes of the group there must be."
}
variable "nodes" {
  type        = list(string)
  default     = null
  description = "Names of the nodes, in place of a group."
}
variable "client_mount" {
  type        = string
  default     = null
  description = "Where the volume is mounted on every node; null: nowhere."
}
variable "repository" {
  default     = null
  description = "Attributes of a repo resource; null: the repositories that the node has."
}
variable "packages" {
  type    = list(string)
  default = ["glusterfs-server", "glusterfs-client"]
}
variable "service" {
  type    = string
  default = "glusterd"
}
variable "volume_options" {
  type    = map(string)
  default = {}
}
variable "firewall" {
  type        = object({ allow = list(string) })
  default     = null
  description = "Networks from which GlusterFS's ports are reached (nftables); null: nothing is filtered."
}
variable "force" {
  type        = bool
  default     = false
  description = "Format the device whatever it carries, as long as it is not mounted and no ext4 yet."
}

locals {
  path   = "${var.mount_point}/${var.brick}"
  names  = wait.peers.names
  bricks = [for n in wait.peers.names : "${n}:${local.path}"]
  # One node acts: the first that has the volume already, else the first of all. A new node could not bring the others into its pool.
  having = [for n in wait.peers.names : n if try(wait.peers.nodes[n].glustervolume.volume == var.volume, false)]
  leader = concat(local.having, [wait.peers.first])[0]
  acts   = local.leader == fact.hostname
  copies = var.copies == null ? length(wait.peers.names) : var.copies
  layout = var.type == "distribute" ? [] : [var.type, tostring(local.copies)]
  cli    = "gluster --mode=script"
}

exec "mkfs" {
  command = <<-EOT
    set -eu
    test -b '${var.device}' || { echo '${var.device}: no block device' >&2; exit 1; }
    if findmnt -rn -S '${var.device}' >&2; then echo '${var.device}: is mounted' >&2; exit 1; fi
    found=$(wipefs -n '${var.device}'; blkid -p '${var.device}' || test $? = 2)
    if [ -n "$found" ] && [ '${var.force}' != true ]; then
      echo '${var.device}: carries a signature and is not touched (force = true formats it all the same):' "$found" >&2
      exit 1
    fi
    mkfs.ext4 -q -F -I 512 -E lazy_itable_init=1 '${var.device}'
  EOT
  unless  = "test \"$(blkid -p -s TYPE -o value '${var.device}')\" = ext4"
  before  = [mount.brick]
}

file "mount_point" {
  path   = var.mount_point
  ensure = "directory"
  before = [mount.brick]
}

mount "brick" {
  path    = var.mount_point
  device  = var.device
  fstype  = "ext4"
  options = var.fs_options
  ensure  = "mounted"
}

file "brick" {
  path    = local.path
  ensure  = "directory"
  require = [mount.brick]
}

repo "glusterfs" {
  when       = var.repository != null
  descr      = try(var.repository.descr, "GlusterFS")
  uris       = try(var.repository.uris, null)
  suites     = try(var.repository.suites, null)
  components = try(var.repository.components, null)
  signed_by  = try(var.repository.signed_by, null)
  baseurl    = try(var.repository.baseurl, null)
  gpgkey     = try(var.repository.gpgkey, null)
  gpgcheck   = try(var.repository.gpgcheck, null)
  priority   = try(var.repository.priority, null)
}

package "glusterfs" {
  name   = var.packages
  ensure = "installed"
}

file "firewall" {
  when    = var.firewall != null
  path    = "/etc/glusterfs-firewall.nft"
  mode    = "0600"
  content = <<-EOT
    add table inet glusterfs
    delete table inet glusterfs
    table inet glusterfs {
      chain input {
        type filter hook input priority 0; policy accept;
        iif lo accept
        ip saddr { ${join(", ", try(var.firewall.allow, []))} } accept
        tcp dport { 24007, 24008, 49152-60999 } ct state new drop
      }
    }
  EOT
  notify  = [service.firewall]
}

file "firewall_unit" {
  when    = var.firewall != null
  path    = "/etc/systemd/system/glusterfs-firewall.service"
  mode    = "0644"
  content = <<-EOT
    [Unit]
    Description=Packet filter for GlusterFS
    Before=network-pre.target
    Wants=network-pre.target

    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart=/usr/sbin/nft -f /etc/glusterfs-firewall.nft
    ExecReload=/usr/sbin/nft -f /etc/glusterfs-firewall.nft
    ExecStop=/usr/sbin/nft delete table inet glusterfs

    [Install]
    WantedBy=multi-user.target
  EOT
  notify  = [service.firewall]
}

service "firewall" {
  when    = var.firewall != null
  name    = "glusterfs-firewall"
  ensure  = "running"
  enable  = true
  require = [package.glusterfs]
}

service "glusterd" {
  name      = var.service
  ensure    = "running"
  enable    = true
  subscribe = [package.glusterfs]
  require   = [service.firewall, mount.brick]
}

fact "glusterup" {
  value   = true
  require = [service.glusterd, file.brick]
}

wait "peers" {
  fact    = "glusterup"
  group   = var.nodes == null ? var.group : null
  nodes   = var.nodes
  min     = var.min
  timeout = "15m"
}

exec "peer_probe" {
  for_each  = wait.peers.others
  when      = local.acts
  command   = "${local.cli} peer probe '${each.key}'"
  unless    = "gluster pool list | grep -qw '${each.key}'"
  tries     = 5
  try_sleep = "2s"
  require   = [fact.glusterup]
}

exec "peers_connected" { # a volume is made of peers that have shaken hands
  when      = local.acts
  command   = "test \"$(gluster pool list | grep -cw Connected)\" -ge ${length(local.names)}"
  unless    = "test \"$(gluster pool list | grep -cw Connected)\" -ge ${length(local.names)}"
  tries     = 30
  try_sleep = "1s"
  require   = [exec.peer_probe]
}

exec "create_volume" {
  when      = local.acts
  command   = concat(["gluster", "--mode=script", "volume", "create", var.volume], local.layout, local.bricks)
  unless    = "gluster volume info '${var.volume}'"
  tries     = 5
  try_sleep = "3s"
  require   = [exec.peers_connected]
}

exec "add_bricks" { # of nodes that came later
  when      = local.acts
  command   = <<-EOT
    set -eu
    new=
    for b in ${join(" ", local.bricks)}; do
      gluster volume info '${var.volume}' | grep -q ": $b\$" || new="$new $b"
    done
    ${local.cli} volume add-brick '${var.volume}' $new
    if [ '${var.type}' = distribute ]; then ${local.cli} volume rebalance '${var.volume}' start; fi
  EOT
  unless    = join(" && ", [for b in local.bricks : "gluster volume info '${var.volume}' | grep -q ': ${b}$'"])
  tries     = 5
  try_sleep = "3s"
  require   = [exec.start_volume]
}

exec "start_volume" {
  when      = local.acts
  command   = "${local.cli} volume start '${var.volume}'"
  unless    = "gluster volume info '${var.volume}' | grep -q '^Status: Started'"
  tries     = 5
  try_sleep = "3s"
  require   = [exec.create_volume]
}

exec "volume_option" {
  for_each  = var.volume_options
  when      = local.acts
  command   = ["gluster", "--mode=script", "volume", "set", var.volume, each.key, each.value]
  unless    = "test \"$(gluster volume get '${var.volume}' '${each.key}' | awk 'END { print $2 }')\" = '${each.value}'"
  tries     = 5
  try_sleep = "3s"
  require   = [exec.start_volume]
}

fact "glustervolume" {
  when    = local.acts
  value   = { volume = var.volume, nodes = local.names }
  require = [exec.add_bricks, exec.volume_option]
}

wait "volume" { # until the node that acts has done it
  when    = !local.acts
  fact    = "glustervolume"
  nodes   = [local.leader]
  equals  = { volume = var.volume, nodes = local.names }
  timeout = "15m"
  require = [fact.glusterup]
}

mount "client" {
  when    = var.client_mount != null
  path    = var.client_mount == null ? "/" : var.client_mount
  device  = "localhost:/${var.volume}"
  fstype  = "glusterfs"
  options = "defaults,_netdev"
  ensure  = "mounted"
  require = [fact.glustervolume, wait.volume, file.client_mount]
}

file "client_mount" {
  when   = var.client_mount != null
  path   = var.client_mount == null ? "/" : var.client_mount
  ensure = "directory"
}

output "volume" {
  value = var.volume
}
output "bricks" {
  value = local.bricks
}
output "peers" {
  value = [for n in wait.peers.names : n if n != fact.hostname]
}
