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
  label  = "glusterfs-brick"
  names  = wait.peers.names
  bricks = [for n in wait.peers.names : "${n}:${local.path}"]
  # One node acts: the one that made the volume, else the first that has it, as that one may have been installed anew, else the first of all. A new node
  # could not bring the others into its pool.
  made   = [for n in wait.peers.names : n if try(wait.peers.nodes[n].glustervolume.volume == var.volume, false)]
  having = [for n in wait.peers.names : n if try(wait.peers.nodes[n].glustermember == var.volume, false)]
  leader = concat(local.made, local.having, [wait.peers.first])[0]
  acts   = local.leader == fact.hostname
  count  = length(wait.peers.names)
  copies = var.copies == null ? local.count : var.copies
  layout = var.type == "distribute" ? [] : [var.type, tostring(local.copies)]
  fits   = var.type == "distribute" || (local.copies > 1 && local.count % local.copies == 0)
  cli    = "gluster --mode=script"
  # Every node has shaken hands with every other one. Before that a volume would be refused here and begun there.
  joined = <<-EOT
    ! gluster peer status | grep -qF 'Peer Rejected' || { echo 'the pool rejects a node, most likely one that was installed anew under its old name: see gluster peer status' >&2; exit 1; }
    for n in ${join(" ", wait.peers.names)}; do
      test "$(gluster --remote-host="$n" peer status | grep -cF 'State: Peer in Cluster (Connected)')" -ge ${local.count - 1} || { echo "$n does not see all the others yet" >&2; exit 1; }
    done
  EOT
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
    wipefs -qa '${var.device}'
    mkfs.ext4 -q -F -L '${local.label}' -I 512 -E lazy_itable_init=1 '${var.device}'
  EOT
  # An ext4 is a brick's only if this module made it, or somebody has mounted it where the brick belongs.
  unless = "test \"$(blkid -p -s TYPE -s LABEL -o value '${var.device}' | sort | tr '\\n' ' ')\" = 'ext4 ${local.label} ' || test \"$(findmnt -rn -o FSTYPE -S '${var.device}' -M '${var.mount_point}')\" = ext4"
  before = [mount.brick]
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
  name   = concat(var.packages, var.firewall == null ? [] : ["nftables"])
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
        %{for net in try(var.firewall.allow, [])~}
      ${strcontains(net, ":") ? "ip6" : "ip"} saddr ${net} accept
      %{endfor~}
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

exec "fit" { # a brick that has served already and whose volume this node does not know is another's data
  command = "echo '${local.path}: has been a brick of another volume: empty it, or give another brick' >&2; exit 1"
  unless  = "test ! -e '${local.path}/.glusterfs' || gluster volume info '${var.volume}'"
  require = [service.glusterd, file.brick]
}

fact "glusterup" {
  value   = true
  require = [exec.fit]
}

wait "peers" {
  fact    = "glusterup"
  group   = var.nodes == null ? var.group : null
  nodes   = var.nodes
  min     = var.min
  timeout = "15m"
}

exec "layout" {
  when    = !local.fits
  command = "echo '${var.type} of ${local.copies}: ${local.count} nodes are no multiple of that' >&2; exit 1"
}

exec "stranger" { # GlusterFS lets nobody in who says so from outside
  when    = local.acts
  command = "echo '${local.path}: others have ${var.volume} already, in a pool that this node is not in (installed anew?): let it in there, by gluster peer probe' >&2; exit 1"
  unless  = "gluster volume info '${var.volume}' || for n in ${join(" ", keys(wait.peers.others))}; do ! timeout 20 gluster --remote-host=\"$n\" volume info '${var.volume}' || exit 1; done"
  require = [fact.glusterup]
}

# A node that is booted or cut off meanwhile is waited for: five minutes to reach it and to see it shake hands with all, two for what follows.
exec "peer_probe" {
  for_each  = wait.peers.others
  when      = local.acts
  command   = "${local.cli} peer probe '${each.key}'"
  unless    = "gluster peer status | sed 's/^Hostname: //' | grep -qxF '${each.key}'"
  tries     = 60
  try_sleep = "5s"
  require   = [exec.stranger, exec.layout]
}

exec "peers_connected" {
  when      = local.acts
  command   = local.joined
  unless    = local.joined
  tries     = 150
  try_sleep = "2s"
  require   = [exec.peer_probe]
}

exec "create_volume" { # force: a try that broke off has marked bricks, which exec.fit has seen to be of no other volume
  when      = local.acts
  command   = concat(["gluster", "--mode=script", "volume", "create", var.volume], local.layout, local.bricks, ["force"])
  unless    = "gluster volume info '${var.volume}'"
  tries     = 24
  try_sleep = "5s"
  require   = [exec.peers_connected]
}

exec "start_volume" {
  when      = local.acts
  command   = "${local.cli} volume start '${var.volume}'"
  unless    = "gluster volume info '${var.volume}' | grep -qx 'Status: Started'"
  tries     = 24
  try_sleep = "5s"
  require   = [exec.create_volume]
}

exec "add_bricks" { # of nodes that came later
  when      = local.acts
  command   = <<-EOT
    set -eu
    new=
    for b in ${join(" ", local.bricks)}; do
      gluster volume info '${var.volume}' | grep -q ": $b\$" || new="$new $b"
    done
    ${local.cli} volume add-brick '${var.volume}' ${var.type == "replica" && var.copies == null ? "replica ${local.copies}" : ""} $new force
    if [ '${var.type}' != replica ]; then ${local.cli} volume rebalance '${var.volume}' start; fi
  EOT
  unless    = join(" && ", [for b in local.bricks : "gluster volume info '${var.volume}' | grep -q ': ${b}$'"])
  tries     = 24
  try_sleep = "5s"
  require   = [exec.start_volume]
}

exec "volume_option" {
  for_each  = var.volume_options
  when      = local.acts
  command   = ["gluster", "--mode=script", "volume", "set", var.volume, each.key, each.value]
  unless    = "test \"$(gluster volume get '${var.volume}' '${each.key}' | awk 'END { print $2 }')\" = '${each.value}'"
  tries     = 24
  try_sleep = "5s"
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

fact "glustermember" {
  value   = var.volume
  require = [fact.glustervolume, wait.volume]
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
