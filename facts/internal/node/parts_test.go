package node

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestProcessors(t *testing.T) {
	x86 := func(cpu, socket string) string {
		return "processor\t: " + cpu + "\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon: big\nphysical id\t: " + socket + "\ncpu MHz\t\t: 2596.142\nsiblings\t: 4\ncpu cores\t: 2\n\n"
	}
	for _, tt := range []struct {
		name, tree string
		want       any
	}{
		{"x86, two sockets", "-- proc/cpuinfo --\n" + x86("0", "0") + x86("1", "1"),
			map[string]any{"count": int64(2), "physicalcount": int64(2), "models": []any{"Xeon: big", "Xeon: big"}, "cores": int64(2), "threads": int64(2), "speed": "2.60 GHz", "isa": "x86_64"}},
		{"ARM", "-- proc/cpuinfo --\nprocessor\t: 0\nBogoMIPS\t: 50.00\n\nprocessor\t: 1\n\n-- sys/devices/system/cpu/cpu0/topology/physical_package_id --\n0\n-- sys/devices/system/cpu/cpu1/topology/physical_package_id --\n0\n-- sys/devices/system/cpu/cpufreq/x --\n",
			map[string]any{"count": int64(2), "physicalcount": int64(1), "isa": "x86_64"}},
		{"POWER", "-- proc/cpuinfo --\nprocessor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t: 850.5MHz\n", map[string]any{"count": int64(1), "physicalcount": int64(1), "speed": "850.00 MHz", "models": []any{"POWER9, altivec supported"}, "isa": "x86_64"}},
		{"s390", "-- proc/cpuinfo --\nvendor_id       : IBM/S390\n# processors    : 2\nprocessor 0: version = FF,  identification = 0117\nprocessor 1: version = FF\n", map[string]any{"count": int64(2), "physicalcount": int64(1), "isa": "x86_64"}},
		{"none", "-- proc/cpuinfo --\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, find(t, node(hosttest.New(t, tt.tree)), "processors")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDMI(t *testing.T) {
	n := node(hosttest.New(t, `
-- sys/class/dmi/id -> ../../devices/virtual/dmi/id --
-- sys/devices/virtual/dmi/id/sys_vendor --
Dell Inc.
-- sys/devices/virtual/dmi/id/bios_version --
2.1
-- sys/devices/virtual/dmi/id/product_name --
PowerEdge R640
-- sys/devices/virtual/dmi/id/chassis_type --
23
-- sys/devices/virtual/dmi/id/board_serial 0400 --
`))
	want := map[string]any{
		"manufacturer": "Dell Inc.", "bios": map[string]any{"version": "2.1"}, "product": map[string]any{"name": "PowerEdge R640"},
		"chassis": map[string]any{"type": "Rack Mount Chassis"},
	}
	if d := cmp.Diff(want, find(t, n, "dmi")); d != "" {
		t.Error(d)
	}
}

func TestVirtual(t *testing.T) {
	dmi := func(vendor, product, bios string) string {
		return "-- sys/class/dmi/id/sys_vendor --\n" + vendor + "\n-- sys/class/dmi/id/product_name --\n" + product + "\n-- sys/class/dmi/id/bios_vendor --\n" + bios + "\n"
	}
	for _, tt := range []struct{ name, tree, want string }{
		{"hardware", dmi("Dell Inc.", "PowerEdge", "Dell") + "-- proc/cpuinfo --\nflags\t: fpu vme\n", "physical"},
		{"KVM", dmi("QEMU", "Standard PC (Q35)", "SeaBIOS"), "kvm"},
		{"OpenStack", dmi("RDO", "OpenStack Compute", ""), "kvm"},
		{"VMware", dmi("VMware, Inc.", "VMware7,1", ""), "vmware"},
		{"VirtualBox", dmi("innotek GmbH", "VirtualBox", ""), "virtualbox"},
		{"Hyper-V", dmi("Microsoft Corporation", "Virtual Machine", ""), "hyperv"},
		{"a Surface", dmi("Microsoft Corporation", "Surface Pro", ""), "physical"},
		{"Xen, full", dmi("Xen", "HVM domU", ""), "xenhvm"},
		{"Xen, guest", "-- sys/hypervisor/type --\nxen\n", "xenu"},
		{"Xen, host", "-- sys/hypervisor/type --\nxen\n-- proc/xen/capabilities --\ncontrol_d\n", "xen0"},
		{"EC2", dmi("Amazon EC2", "m5.large", ""), "kvm"},
		{"EC2, metal", dmi("Amazon EC2", "m5.metal", ""), "physical"},
		{"GCE", dmi("Google", "Google Compute Engine", "Google"), "gce"},
		{"no firmware", "-- sys/devices/system/clocksource/clocksource0/available_clocksource --\nkvm-clock tsc\n", "kvm"},
		{"some hypervisor", "-- proc/cpuinfo --\nflags\t: fpu hypervisor lm\n", "unknown"},
		{"ARM guest", "-- proc/device-tree/hypervisor/compatible --\nlinux,kvm\n", "kvm"},
		{"docker on KVM", dmi("QEMU", "", "") + "-- .dockerenv --\n", "docker"},
		{"podman", "-- run/.containerenv --\n", "podman"},
		{"nspawn", "-- run/systemd/container --\nsystemd-nspawn\n", "systemd_nspawn"},
		{"lxc by its environment", "-- proc/1/environ --\nA=b\x00container=lxc\x00", "lxc"},
		{"docker by its group", "-- proc/1/cgroup --\n1:name=systemd:/docker/0123\n", "docker"},
		{"OpenVZ", "-- proc/vz/ --\n", "openvzve"},
		{"OpenVZ's host", "-- proc/vz/ --\n-- proc/bc/ --\n", "physical"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := node(hosttest.New(t, tt.tree))
			if got := find(t, n, "virtual"); got != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
			if got := find(t, n, "is_virtual"); got != (tt.want != "physical" && tt.want != "xen0") {
				t.Errorf("is_virtual: %v", got)
			}
		})
	}
}

// mounted is a node with these mounts, all of one size.
type mounted struct {
	*hosttest.Host
	mounts []host.Mount
}

func (m mounted) Mounts(context.Context) ([]host.Mount, error) { return m.mounts, nil }

func (mounted) Space(string) (host.Space, error) {
	return host.Space{Size: 1000 << 20, Free: 600 << 20, Available: 400 << 20}, nil
}

func TestMountpoints(t *testing.T) {
	n := node(mounted{hosttest.New(t, ""), []host.Mount{
		{Point: "/", FSType: "ext4", Source: "/dev/vda1", Options: []string{"rw", "relatime"}, SuperOptions: []string{"rw", "errors=remount-ro"}},
		{Point: "/proc", FSType: "proc"}, {Point: "/sys/fs/cgroup", FSType: "cgroup2"}, {Point: "/net", FSType: "autofs"}, {Point: "/run/x", FSType: "nsfs"},
		{Point: "/procession", FSType: "xfs", Source: "/dev/vdb"},
	}})
	got := find(t, n, "mountpoints").(map[string]any)
	want := map[string]any{
		"device": "/dev/vda1", "filesystem": "ext4", "options": []any{"rw", "relatime", "errors=remount-ro"},
		"size": "1000.00 MiB", "size_bytes": int64(1000 << 20), "used": "400.00 MiB", "used_bytes": int64(400 << 20),
		"available": "400.00 MiB", "available_bytes": int64(400 << 20), "capacity": "50.00%",
	}
	if d := cmp.Diff(want, got["/"]); d != "" {
		t.Error(d)
	}
	if len(got) != 2 || got["/procession"] == nil {
		t.Errorf("got %d mounts: %v", len(got), got)
	}
}

const blockDevices = `
-- sys/block/vda -> ../devices/virtio0/block/vda --
-- sys/devices/virtio0/vendor --
0x1af4
-- sys/devices/virtio0/block/vda/device -> ../.. --
-- sys/devices/virtio0/block/vda/size --
2097152
-- sys/devices/virtio0/block/vda/serial --
S1
-- sys/devices/virtio0/block/vda/queue/rotational --
1
-- sys/devices/virtio0/block/vda/vda1/partition --
1
-- sys/devices/virtio0/block/vda/vda1/size --
2048
-- sys/devices/virtio0/block/vda/vda1/dev --
254:1
-- run/udev/data/b254:1 --
S:disk/by-uuid/u1
E:ID_FS_TYPE=ext4
E:ID_FS_UUID=u1
E:ID_PART_ENTRY_UUID=p1
-- sys/block/dm-0 -> ../devices/virtual/block/dm-0 --
-- sys/devices/virtual/block/dm-0/dm/name --
vg-root
-- sys/devices/virtual/block/dm-0/size --
8
-- sys/block/loop0 -> ../devices/virtual/block/loop0 --
-- sys/devices/virtual/block/loop0/loop/backing_file --
/srv/image
-- sys/block/loop1/size --
0
`

func TestDisksAndPartitions(t *testing.T) {
	n := node(mounted{hosttest.New(t, blockDevices), []host.Mount{
		{Point: "/srv/sub", Root: "/sub", Source: "/dev/vda1"}, {Point: "/", Root: "/", Source: "/dev/vda1"}, {Point: "/bind", Root: "/", Source: "/dev/vda1"},
	}})
	want := map[string]any{"vda": map[string]any{"size": "1.00 GiB", "size_bytes": int64(1 << 30), "serial": "S1", "vendor": "0x1af4", "type": "hdd"}}
	if d := cmp.Diff(want, find(t, n, "disks")); d != "" {
		t.Error(d)
	}
	want = map[string]any{
		"/dev/vda1":           map[string]any{"size": "1.00 MiB", "size_bytes": int64(1 << 20), "filesystem": "ext4", "uuid": "u1", "partuuid": "p1", "mount": "/"},
		"/dev/mapper/vg-root": map[string]any{"size": "4.00 KiB", "size_bytes": int64(4096)},
		"/dev/loop0":          map[string]any{"backing_file": "/srv/image"},
	}
	if d := cmp.Diff(want, find(t, n, "partitions")); d != "" {
		t.Error(d)
	}
}

func TestTimezone(t *testing.T) {
	data, err := os.ReadFile("/usr/share/zoneinfo/Europe/Vienna")
	if err != nil {
		t.Skipf("this machine has no time zones (%v): left out is the zone that a link to its file names", err)
	}
	h := hosttest.New(t, "-- usr/share/zoneinfo/Europe/Vienna --\n-- etc/localtime -> /usr/share/zoneinfo/Europe/Vienna --\n")
	if err := os.WriteFile(h.Path("/usr/share/zoneinfo/Europe/Vienna"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := find(t, node(h), "timezone"); got != "CEST" { // in July
		t.Errorf("got %v", got)
	}
	n := node(hosttest.New(t, "-- etc/localtime --\nnonsense\n"))
	if v, err := n.Find(t.Context(), "timezone"); err == nil || !strings.HasPrefix(err.Error(), "/etc/localtime: ") {
		t.Errorf("got %v, error %v", v, err)
	}
}

func TestSSH(t *testing.T) {
	n := node(hosttest.New(t, "-- etc/ssh/ssh_host_ed25519_key.pub --\nssh-ed25519 aGVsbG8= root@n1\n-- etc/ssh/ssh_host_rsa_key.pub --\nnonsense\n-- etc/ssh/ssh_host_ecdsa_key.pub --\nx !!!\n"))
	want := map[string]any{"ed25519": map[string]any{
		"type": "ssh-ed25519", "key": "aGVsbG8=",
		"fingerprints": map[string]any{ // sha1sum and sha256sum of "hello"
			"sha1":   "SSHFP 4 1 aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
			"sha256": "SSHFP 4 2 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		},
	}}
	if d := cmp.Diff(want, find(t, n, "ssh")); d != "" {
		t.Error(d)
	}
}

func TestManagers(t *testing.T) {
	for _, tt := range []struct{ name, tree, want string }{
		{"Debian", "-- etc/os-release --\nID=debian\n-- usr/bin/apt-get --\n-- usr/bin/dnf --\n-- usr/bin/zypper --\n-- run/systemd/system/ --\n-- etc/init.d/ --\n", "apt systemd"},
		{"Fedora with apt", "-- etc/os-release --\nID=fedora\n-- usr/bin/apt-get --\n-- usr/bin/dnf -> dnf-3 --\n-- usr/bin/dnf-3 --\n", "dnf <nil>"},
		{"CentOS 7", "-- etc/os-release --\nID=centos\n-- usr/bin/yum --\n-- run/systemd/system/ --\n", "yum systemd"},
		{"SLES", "-- etc/os-release --\nID=sles\n-- usr/bin/zypper --\n", "zypper <nil>"},
		{"Arch", "-- etc/os-release --\nID=arch\n-- usr/bin/pacman --\n", "pacman <nil>"},
		{"Alpine", "-- etc/os-release --\nID=alpine\n-- sbin/apk --\n-- run/openrc/ --\n-- etc/init.d/ --\n", "apk openrc"},
		{"one of its own", "-- etc/os-release --\nID=own\n-- usr/bin/yum --\n-- etc/init.d/ --\n", "yum sysv"},
		{"Debian without its programs", "-- etc/os-release --\nID=debian\n-- usr/bin/apt-get -> nowhere --\n", "<nil> <nil>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := node(hosttest.New(t, tt.tree))
			words := []string{}
			for _, name := range []string{"package_manager", "service_manager"} {
				v, ok := find(t, n, name).(string)
				if !ok {
					v = "<nil>"
				}
				words = append(words, v)
			}
			if d := cmp.Diff(tt.want, strings.Join(words, " ")); d != "" {
				t.Error(d)
			}
		})
	}
}
