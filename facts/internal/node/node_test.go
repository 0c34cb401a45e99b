package node

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/facts/internal/hardware"
	"github.com/nodeapply/apply/facts/internal/network"
	"github.com/nodeapply/apply/facts/internal/probe"
	"github.com/nodeapply/apply/facts/internal/system"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// node is one that a test makes: nothing comes from this machine.
func node(v host.View) *Node {
	return &Node{probe.Node{
		View: v, Machine: func() string { return "x86_64" }, Interfaces: func() ([]probe.Interface, error) { return nil, nil },
		Now: func() time.Time { return time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC) },
	}}
}

// find finds the part of a fact that a path names.
func find(t *testing.T, n *Node, name string, path ...string) any {
	t.Helper()
	v, err := n.Find(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func TestNothingThere(t *testing.T) {
	n := node(hosttest.New(t, ""))
	got := map[string]any{}
	for _, name := range Names() {
		if v := find(t, n, name); v != nil {
			got[name] = v
		}
	}
	// What is known without any file, or follows from there being none.
	delete(got, "mountpoints")
	want := map[string]any{
		"identity": map[string]any{"user": "root", "group": "root", "uid": int64(0), "gid": int64(0), "privileged": true},
		"os":       map[string]any{"name": "Linux", "family": "Linux", "hardware": "x86_64", "architecture": "x86_64", "selinux": map[string]any{"enabled": false}},
		"timezone": "UTC", "virtual": "physical", "is_virtual": false,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if v := find(t, n, "no_such_fact"); v != nil {
		t.Errorf("a fact that does not exist: %v", v)
	}
}

func TestMachineOfThisProcess(t *testing.T) {
	if got := New(hosttest.New(t, "")).Machine(); got == "" || strings.Contains(got, "\x00") {
		t.Errorf("%q", got)
	}
}

func TestOS(t *testing.T) {
	for _, tt := range []struct{ name, tree, machine, want string }{
		{"Debian 12", "-- etc/os-release --\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n-- etc/debian_version --\n12.5\n", "x86_64",
			"Debian Debian 12.5 12 5 bookworm amd64"},
		{"Debian testing", "-- etc/os-release --\nPRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nNAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=trixie\nID=debian\n-- etc/debian_version --\ntrixie/sid\n", "aarch64",
			"Debian Debian trixie/sid trixie/sid - trixie aarch64"},
		{"Ubuntu 22.04", "-- etc/os-release -> ../usr/lib/os-release --\n-- usr/lib/os-release --\nPRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.4 LTS (Jammy Jellyfish)\"\nVERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian\n-- etc/debian_version --\nbookworm/sid\n", "x86_64",
			"Ubuntu Debian 22.04 22.04 - jammy amd64"},
		{"Rocky 9", "-- etc/os-release --\nNAME=\"Rocky Linux\"\nVERSION=\"9.3 (Blue Onyx)\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.3\"\n", "x86_64",
			"Rocky RedHat 9.3 9 3 Blue Onyx x86_64"},
		{"CentOS 7", "-- etc/os-release --\nNAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n-- etc/centos-release --\nCentOS Linux release 7.9.2009 (Core)\n", "x86_64",
			"CentOS RedHat 7.9.2009 7 9 Core x86_64"},
		{"CentOS 6", "-- etc/redhat-release --\nCentOS release 6.10 (Final)\n", "i686", "CentOS RedHat 6.10 6 10 Final i386"},
		{"RHEL 5", "-- etc/redhat-release --\nRed Hat Enterprise Linux Server release 5.11 (Tikanga)\n", "x86_64", "RedHat RedHat 5.11 5 11 Tikanga x86_64"},
		{"RHEL 8", "-- etc/os-release --\nNAME=\"Red Hat Enterprise Linux\"\nVERSION=\"8.9 (Ootpa)\"\nID=\"rhel\"\nVERSION_ID=\"8.9\"\n", "x86_64", "RedHat RedHat 8.9 8 9 Ootpa x86_64"},
		{"Fedora 40", "-- etc/os-release --\nNAME=\"Fedora Linux\"\nVERSION=\"40 (Server Edition)\"\nID=fedora\nVERSION_ID=40\nVERSION_CODENAME=\"\"\n", "x86_64",
			"Fedora RedHat 40 40 - Server Edition x86_64"},
		{"openSUSE Leap", "-- etc/os-release --\nNAME=\"openSUSE Leap\"\nVERSION=\"15.5\"\nID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\nVERSION_ID=\"15.5\"\n", "x86_64", "openSUSE Suse 15.5 15 5 - x86_64"},
		{"SLES 12", "-- etc/os-release --\nNAME=\"SLES\"\nVERSION=\"12-SP5\"\nID=\"sles\"\nVERSION_ID=\"12.5\"\n", "x86_64", "SLES Suse 12.5 12 5 - x86_64"},
		{"Arch", "-- etc/os-release --\nNAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n", "x86_64", "Archlinux Archlinux - - - - x86_64"},
		{"Alpine", "-- etc/os-release --\nNAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.19.1\n", "x86_64", "Alpine Alpine 3.19.1 3 19 - x86_64"},
		{"one like Debian", "-- etc/os-release --\nNAME='My \"Own\"'\nID=own\nID_LIKE=\"new debian\"\nVERSION_ID=1\n", "x86_64", `My "Own" Debian 1 1 - - amd64`},
		{"one like nothing", "-- etc/os-release --\nNAME=Own\nID=own\nVERSION_ID=1\n", "x86_64", "Own Own 1 1 - - x86_64"},
		{"a broken file", "-- etc/os-release --\n\x00\xff===\n", "x86_64", "Linux Linux - - - - x86_64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := node(hosttest.New(t, tt.tree))
			n.Machine = func() string { return tt.machine }
			var got []string
			for _, path := range [][]string{{"name"}, {"family"}, {"release", "full"}, {"release", "major"}, {"release", "minor"}, {"distro", "codename"}, {"architecture"}} {
				word := "-"
				if v := find(t, n, "os", path...); v != nil {
					word = fmt.Sprint(v)
				}
				got = append(got, word)
			}
			if d := cmp.Diff(tt.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestKernel(t *testing.T) {
	n := node(hosttest.New(t, "-- proc/sys/kernel/ostype --\nLinux\n-- proc/sys/kernel/osrelease --\n5.14.0-362.el9.x86_64\n-- proc/sys/kernel/arch --\nppc64le\n-- proc/sys/kernel/random/boot_id --\nc90fa5bd\n"))
	got := map[string]any{}
	for _, name := range []string{"kernel", "kernelrelease", "kernelversion", "kernelmajversion", "boot_id"} {
		got[name] = find(t, n, name)
	}
	want := map[string]any{"kernel": "Linux", "kernelrelease": "5.14.0-362.el9.x86_64", "kernelversion": "5.14.0", "kernelmajversion": "5.14", "boot_id": "c90fa5bd"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := find(t, n, "os", "hardware"); got != "ppc64le" {
		t.Errorf("hardware: %v", got)
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ name, tree, want string }{
		{"with its domain", "-- proc/sys/kernel/hostname --\nn1.example.org\n-- etc/resolv.conf --\nsearch other.net\n", "n1 example.org n1.example.org"},
		{"no /proc/sys", "-- etc/hostname --\nn1\n-- etc/resolv.conf --\nsearch other.net\n", "n1 other.net n1.other.net"},
		{"not set yet", "-- proc/sys/kernel/hostname --\n(none)\n-- etc/hostname --\nn1.example.org\n", "n1 example.org n1.example.org"},
		{"by /etc/hosts", "-- proc/sys/kernel/hostname --\nn1\n-- etc/hosts --\n127.0.0.1 localhost\n# 10.0.0.1 n1.no.net n1\n127.0.1.1\tn1.example.org n1 # this\n-- etc/resolv.conf --\nsearch other.net\n", "n1 example.org n1.example.org"},
		{"by the resolver", "-- proc/sys/kernel/hostname --\nn1\n-- etc/hosts --\n127.0.0.1 n1.localdomain n1\n-- etc/resolv.conf --\ndomain a.net\nsearch other.net b.net\n", "n1 other.net n1.other.net"},
		{"without a domain", "-- proc/sys/kernel/hostname --\nn1\n", "n1 <nil> n1"},
		{"without a name", "-- proc/sys/kernel/hostname --\n(none)\n", "<nil> <nil> <nil>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := node(hosttest.New(t, tt.tree))
			got := fmt.Sprint(find(t, n, "hostname"), " ", find(t, n, "networking", "domain"), " ", find(t, n, "fqdn"))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if long := find(t, n, "networking", "fqdn"); long != find(t, n, "fqdn") {
				t.Errorf("networking.fqdn is %v", long)
			}
		})
	}
}

const routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

func TestNetworking(t *testing.T) {
	list := []probe.Interface{
		{Name: "lo", MTU: 65536, Up: true, Loopback: true, Addresses: prefixes("127.0.0.1/8", "::1/128")},
		{Name: "eth0", MAC: "02:00:00:00:00:01", MTU: 1500, Up: true, Addresses: prefixes("169.254.7.7/16", "10.1.2.3/20", "fe80::1/64", "2001:db8::5/48")},
		{Name: "wlan0", MTU: 1400, Up: true, Addresses: prefixes("192.168.1.9/24")},
		{Name: "eth9"},
	}
	for _, tt := range []struct{ name, tree, want string }{
		{"the default route", "-- proc/net/route --\n" + routes + "eth0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\nwlan0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\nwlan0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", "wlan0 192.168.1.9"},
		{"a route that is down", "-- proc/net/route --\n" + routes + "wlan0\t00000000\t0101A8C0\t0002\t0\t0\t100\t00000000\t0\t0\t0\neth0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n", "eth0 10.1.2.3"},
		{"the default route of IPv6", "-- proc/net/ipv6_route --\n" + strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003    wlan0\n" + strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " ffffffff 00000001 00000000 00200200       lo\n", "wlan0 192.168.1.9"},
		{"no route", "", "eth0 10.1.2.3"},
		{"a route of nobody", "-- proc/net/route --\n" + routes + "gone0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "eth0 10.1.2.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := node(hosttest.New(t, tt.tree))
			n.Interfaces = func() ([]probe.Interface, error) { return list, nil }
			got := fmt.Sprint(find(t, n, "networking", "primary"), " ", find(t, n, "ip"))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("one interface", func(t *testing.T) {
		n := node(hosttest.New(t, "-- sys/class/net/eth0 -> ../../devices/pci0/net/eth0 --\n-- sys/devices/pci0/net/eth0/operstate --\nup\n-- sys/devices/pci0/net/eth0/speed --\n1000\n-- sys/devices/pci0/net/eth0/device -> ../.. --\n"))
		n.Interfaces = func() ([]probe.Interface, error) { return list, nil }
		want := map[string]any{
			"mac": "02:00:00:00:00:01", "mtu": int64(1500), "operational_state": "up", "physical": true, "speed": int64(1000),
			"ip": "10.1.2.3", "netmask": "255.255.240.0", "network": "10.1.0.0",
			"ip6": "2001:db8::5", "netmask6": "ffff:ffff:ffff::", "network6": "2001:db8::", "scope6": "global",
			"bindings": []any{
				map[string]any{"address": "169.254.7.7", "netmask": "255.255.0.0", "network": "169.254.0.0"},
				map[string]any{"address": "10.1.2.3", "netmask": "255.255.240.0", "network": "10.1.0.0"},
			},
			"bindings6": []any{
				map[string]any{"address": "fe80::1", "netmask": "ffff:ffff:ffff:ffff::", "network": "fe80::", "scope6": "link"},
				map[string]any{"address": "2001:db8::5", "netmask": "ffff:ffff:ffff::", "network": "2001:db8::", "scope6": "global"},
			},
		}
		if d := cmp.Diff(want, find(t, n, "networking", "interfaces", "eth0")); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(map[string]any{"mtu": int64(0), "physical": false}, find(t, n, "networking", "interfaces", "eth9")); d != "" {
			t.Error(d)
		}
	})
}

func prefixes(s ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// Of two packages that find one fact only the later would be asked.
func TestEachIsFoundOnce(t *testing.T) {
	if !slices.IsSorted(Names()) {
		t.Error("not sorted")
	}
	want := slices.Sorted(maps.Keys(hardware.Finders()))
	want = slices.AppendSeq(want, maps.Keys(network.Finders()))
	want = slices.AppendSeq(want, maps.Keys(system.Finders()))
	slices.Sort(want)
	if d := cmp.Diff(want, Names()); d != "" {
		t.Error(d)
	}
}
