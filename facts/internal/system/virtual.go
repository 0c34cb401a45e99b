package system

import (
	"context"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"

	"github.com/nodeapply/apply/facts/internal/probe"
)

// What the node runs in where that is not a guest: nothing, or Xen's own first domain.
const (
	physical = "physical"
	xenHost  = "xen0"
)

func virtual(_ context.Context, n *probe.Node) (any, error) { return surrounding(n), nil }

func isVirtual(_ context.Context, n *probe.Node) (any, error) {
	v := surrounding(n)
	return v != physical && v != xenHost, nil
}

// surrounding is the innermost that the node runs in: a container's kind, else the hypervisor's, else physical.
func surrounding(n *probe.Node) string {
	if c := container(n); c != "" {
		return c
	}
	vendor, product := n.Word("/sys/class/dmi/id/sys_vendor"), n.Word("/sys/class/dmi/id/product_name")
	if v := hypervisorOf(vendor, product, n.Word("/sys/class/dmi/id/bios_vendor")); v != "" {
		return v
	}
	if n.Word("/sys/hypervisor/type") == "xen" {
		if strings.Contains(n.Word("/proc/xen/capabilities"), "control_d") {
			return xenHost
		}
		return "xenu"
	}
	if strings.Contains(n.Word("/proc/device-tree/hypervisor/compatible"), "kvm") { // ARM and POWER
		return "kvm"
	}
	if strings.Contains(n.Word("/proc/sysinfo"), "z/VM") {
		return "zlinux"
	}
	return hypervisorByClock(n.Word("/proc/cpuinfo"), n.Word("/sys/devices/system/clocksource/clocksource0/available_clocksource"))
}

// container is the kind of container that the node is, by what the container managers leave for this purpose.
func container(n *probe.Node) string {
	// systemd puts there what it learnt from the manager.
	if kind := n.Word("/run/systemd/container"); kind != "" {
		return containerName(kind)
	}
	for kv := range strings.SplitSeq(n.Word("/proc/1/environ"), "\x00") { // root's to read
		if kind, ok := strings.CutPrefix(kv, "container="); ok && kind != "" {
			return containerName(kind)
		}
	}
	switch {
	case n.There("/run/.containerenv") == host.Regular:
		return "podman"
	case n.There("/.dockerenv") == host.Regular:
		return "docker"
	case n.There("/proc/vz") == host.Directory && n.There("/proc/bc") == host.Absent:
		return "openvzve"
	}
	cgroup := n.Word("/proc/1/cgroup")
	for _, kind := range []string{"docker", "lxc"} {
		if strings.Contains(cgroup, "/"+kind+"/") || strings.Contains(cgroup, "/"+kind+"-") {
			return kind
		}
	}
	return ""
}

// containerName is Facter's word where it differs from the manager's.
func containerName(kind string) string {
	if kind == "systemd-nspawn" {
		return "systemd_nspawn"
	}
	return kind
}

// hypervisorOf tells by the names that a hypervisor gives the machine.
func hypervisorOf(vendor, product, bios string) string {
	has := func(s string, parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
	}
	switch {
	case has(product, "VMware") || has(vendor, "VMware"):
		return "vmware"
	case has(product, "VirtualBox") || has(bios, "innotek"):
		return "virtualbox"
	case has(vendor, "Microsoft") && has(product, "Virtual Machine"):
		return "hyperv"
	case has(vendor, "Google") || has(bios, "Google"):
		return "gce"
	case has(product, "HVM domU"):
		return "xenhvm"
	case has(vendor, "Parallels"):
		return "parallels"
	case has(vendor, "Amazon EC2"):
		if strings.HasSuffix(product, ".metal") {
			return physical
		}
		return "kvm"
	case has(product, "KVM", "OpenStack", "RHEV Hypervisor", "oVirt") || has(vendor, "QEMU", "DigitalOcean", "Hetzner", "Nutanix"):
		return "kvm"
	case has(vendor, "BHYVE") || has(product, "BHYVE"):
		return "bhyve"
	}
	return ""
}

// hypervisorByClock tells by the clock that the guest has, where there is no firmware to ask.
func hypervisorByClock(cpuinfo, clocks string) string {
	switch {
	case strings.Contains(clocks, "kvm-clock"):
		return "kvm"
	case strings.Contains(clocks, "hyperv_clocksource"):
		return "hyperv"
	case strings.Contains(clocks, "xen"):
		return "xenu"
	}
	for line := range strings.Lines(cpuinfo) {
		if strings.HasPrefix(line, "flags") && slices.Contains(strings.Fields(line), "hypervisor") {
			return "unknown" // a guest, of whom is not told
		}
	}
	return physical
}
