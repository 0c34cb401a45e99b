# Sheepdog's distributed block storage over any number of nodes, each of which runs this at the same time: store, corosync, quorum, sheep, format.

variable "store" {
  type        = string
  default     = "/var/lib/sheepdog"
  description = "The folder in which sheep keeps objects."
}
variable "device" {
  type        = string
  default     = null
  description = "Block device that is mounted at the store; null: the store lies on a file system that is there. One that carries any signature is never formatted."
}
variable "port" {
  type    = number
  default = 7000
}
variable "copies" {
  type        = number
  default     = null
  description = "Copies of each object. Default: three, or as many as there are nodes."
}
variable "corosync" {
  type = object({
    bindnetaddr = optional(string)
    mcastaddr   = optional(string)
    mcastport   = optional(number, 5405)
    transport   = optional(string)
    nodes       = optional(list(string), [])
    secauth     = optional(bool, false)
  })
  default     = {}
  description = "bindnetaddr: address or network of this node; mcastaddr: multicast (transport udp); nodes: addresses in place of the exported ones; secauth: encrypted (transport knet)."
  validation {
    condition     = var.corosync.transport == null || contains(["udp", "udpu", "knet"], coalesce(var.corosync.transport, "udpu"))
    error_message = "The transport is udp, udpu or knet."
  }
  validation {
    condition     = !var.corosync.secauth || coalesce(var.corosync.transport, "knet") == "knet" && var.corosync.mcastaddr == null
    error_message = "Only the transport knet is authenticated: secauth goes with neither udp, udpu nor mcastaddr."
  }
  validation {
    condition     = var.corosync.mcastaddr == null || coalesce(var.corosync.transport, "udp") == "udp"
    error_message = "Only the transport udp uses a multicast address."
  }
}
variable "group" {
  type    = string
  default = "sheepdog"
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
variable "binaries" {
  type        = string
  default     = "/usr/sbin"
  description = "Folder of sheep, and of dog (or collie, as it was called). Debian has no sheepdog: they come from elsewhere."
}

locals {
  network   = var.corosync.bindnetaddr
  own       = [for i in values(fact.networking.interfaces) : i.ip if local.network != null && try(i.ip == local.network || i.network == local.network, false)]
  address   = concat(local.own, [fact.ip])[0]
  transport = var.corosync.transport != null ? var.corosync.transport : var.corosync.mcastaddr != null ? "udp" : var.corosync.secauth ? "knet" : "udpu"
  peers     = [for n in wait.peers.names : { name = n, ip = wait.peers.nodes[n].sheepaddress }]
  members   = length(var.corosync.nodes) > 0 ? [for ip in var.corosync.nodes : { name = ip, ip = ip }] : local.peers
  acts      = wait.peers.first == fact.hostname
  copies    = var.copies != null ? var.copies : min(3, wait.peers.count)
  dog       = "dog() { if [ -x '${var.binaries}/dog' ]; then '${var.binaries}/dog' \"$@\"; else '${var.binaries}/collie' \"$@\"; fi; }"
  quorate   = "corosync-quorumtool -s | grep -Eq '^Quorate: +Yes'"
  listed    = "${local.dog}; test $(dog node list -r -p ${var.port} | grep -c ':${var.port}\\b') -ge ${wait.peers.count}"
  waiting   = "${local.dog}; dog cluster info -p ${var.port} 2>&1 | grep -qi 'waiting for cluster to be formatted'"
}

# The store

exec "mkfs" {
  when    = var.device != null
  command = <<-EOT
    set -eu
    test -b '${coalesce(var.device, "-")}' || { echo '${coalesce(var.device, "-")}: no block device' >&2; exit 1; }
    if findmnt -rn -S '${coalesce(var.device, "-")}' >&2; then echo '${coalesce(var.device, "-")}: is mounted' >&2; exit 1; fi
    found=$(wipefs -n '${coalesce(var.device, "-")}'; blkid -p '${coalesce(var.device, "-")}' || test $? = 2)
    if [ -n "$found" ]; then echo '${coalesce(var.device, "-")}: carries a signature and is not touched:' "$found" >&2; exit 1; fi
    mkfs.ext4 -q -F '${coalesce(var.device, "-")}'
  EOT
  unless  = "test \"$(blkid -p -s TYPE -o value '${coalesce(var.device, "-")}')\" = ext4"
  before  = [mount.store]
}

file "store" {
  path   = var.store
  ensure = "directory"
  before = [mount.store]
}

mount "store" {
  when    = var.device != null
  path    = var.store
  device  = coalesce(var.device, "-")
  fstype  = "ext4"
  options = "defaults,noatime,user_xattr"
  ensure  = "mounted"
}

package "sheepdog" {
  name      = ["corosync", "attr"]
  ensure    = "installed"
  autostart = false
}

exec "user_xattr" { # sheep keeps what it knows of an object in the object's attributes
  command = <<-EOT
    set -eu
    mount -o remount,user_xattr "$(findmnt -no TARGET -T '${var.store}')" || true
    if LC_ALL=C getfattr -n user.sheepdog '${var.store}' 2>&1 | grep -qi 'not supported'; then
      echo '${var.store}: its file system has no user extended attributes, which sheep needs (user_xattr)' >&2
      exit 1
    fi
  EOT
  unless  = "! LC_ALL=C getfattr -n user.sheepdog '${var.store}' 2>&1 | grep -qi 'not supported'"
  require = [file.store, mount.store, package.sheepdog]
}

# Corosync

fact "sheepaddress" {
  value = local.address
}

wait "peers" {
  fact    = "sheepaddress"
  group   = var.nodes == null ? var.group : null
  nodes   = var.nodes
  min     = var.min
  timeout = "15m"
  require = [fact.sheepaddress]
}

exec "authkey" {
  when    = var.corosync.secauth
  command = "echo '/etc/corosync/authkey is not there: make one with corosync-keygen and put the same on all nodes' >&2; exit 1"
  unless  = "test -s /etc/corosync/authkey"
  before  = [service.corosync]
  require = [package.sheepdog]
}

file "corosync" {
  path    = "/etc/corosync/corosync.conf"
  owner   = "root"
  group   = "root"
  mode    = "0644"
  content = <<-EOT
    # made by apply, module sheepdog
    totem {
      version: 2
      cluster_name: sheepdog
      transport: ${local.transport}
      %{~if local.transport == "knet"~}

      secauth: ${var.corosync.secauth ? "on" : "off"}
      %{~endif~}

      interface {
        %{~if local.transport != "knet"~}

        bindnetaddr: ${local.network != null ? local.network : local.address}
        %{~endif~}
        %{~if local.transport == "udp" && var.corosync.mcastaddr != null~}

        mcastaddr: ${coalesce(var.corosync.mcastaddr, "-")}
        %{~endif~}

        mcastport: ${var.corosync.mcastport}
      }
    }
    nodelist {
      %{~for m in local.members~}

      node {
        name: ${m.name}
        nodeid: ${tonumber(split(".", m.ip)[1]) * 65536 + tonumber(split(".", m.ip)[2]) * 256 + tonumber(split(".", m.ip)[3])}
        ring0_addr: ${m.ip}
      }
      %{~endfor~}

    }
    quorum {
      provider: corosync_votequorum
    }
    logging {
      to_syslog: yes
      to_logfile: yes
      logfile: /var/log/corosync/corosync.log
      timestamp: on
    }
  EOT
  require = [package.sheepdog]
  notify  = [service.corosync]
}

service "corosync" {
  ensure = "running"
  enable = true
  # Other nodes are learnt while it runs; another transport, network or port is not.
  restart = <<-EOT
    set -eu
    now() { corosync-cmapctl -g "$1" 2>/dev/null | sed 's/.* = //'; }
    if [ "$(now totem.cluster_name):$(now totem.transport):$(now totem.interface.0.mcastport)" = 'sheepdog:${local.transport}:${var.corosync.mcastport}' ]; then
      corosync-cfgtool -R
    else
      systemctl restart corosync
    fi
  EOT
}

exec "quorum" {
  command   = "echo 'corosync has no quorum:' >&2; corosync-quorumtool -s >&2; ${local.quorate}"
  unless    = local.quorate
  tries     = 60
  try_sleep = "1s"
  require   = [service.corosync]
}

fact "sheepquorate" {
  value   = true
  require = [exec.quorum]
}

wait "quorate" {
  fact    = "sheepquorate"
  group   = var.nodes == null ? var.group : null
  nodes   = var.nodes
  min     = var.min
  timeout = "15m"
  require = [fact.sheepquorate]
}

# Sheep

exec "binaries" {
  command = <<-EOT
    echo '${var.binaries}: sheep, and dog or collie, are not there. Debian has no sheepdog: build it and give its folder as binaries' >&2
    exit 1
  EOT
  unless  = "test -x '${var.binaries}/sheep' && { test -x '${var.binaries}/dog' || test -x '${var.binaries}/collie'; }"
}

file "unit" {
  path    = "/etc/systemd/system/sheepdog.service"
  mode    = "0644"
  content = <<-EOT
    [Unit]
    Description=Sheepdog object storage
    Requires=corosync.service
    After=corosync.service network-online.target
    RequiresMountsFor=${var.store}

    [Service]
    ExecStart=${var.binaries}/sheep -f -c corosync -p ${var.port} -y ${local.address} ${var.store}
    Restart=on-failure

    [Install]
    WantedBy=multi-user.target
  EOT
  require = [exec.binaries]
  notify  = [service.sheepdog]
}

service "sheepdog" {
  ensure  = "running"
  enable  = true
  require = [exec.user_xattr, wait.quorate, exec.binaries]
}

fact "sheepup" {
  value   = true
  require = [service.sheepdog]
}

wait "sheep" {
  fact    = "sheepup"
  group   = var.nodes == null ? var.group : null
  nodes   = var.nodes
  min     = var.min
  timeout = "15m"
  require = [fact.sheepup]
}

exec "listed" { # all of them, or an object would have copies on the few that are there
  when      = local.acts
  command   = "${local.dog}; dog node list -p ${var.port} >&2; ${local.listed}"
  unless    = local.listed
  tries     = 60
  try_sleep = "1s"
  require   = [wait.sheep]
}

exec "format" {
  when    = local.acts
  command = "${local.dog}; dog cluster format --copies=${local.copies} -p ${var.port}"
  onlyif  = local.waiting
  require = [exec.listed]
}

output "nodes" {
  value = wait.peers.names
}
output "quorate" {
  value = wait.quorate.count == wait.peers.count
}
