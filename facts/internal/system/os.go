// Package system finds what runs on a node: the operating system, its state, and what it runs inside of.
package system

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/facts/internal/probe"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/osrelease"
)

// Finders returns how each fact is found.
func Finders() map[string]probe.Finder {
	return map[string]probe.Finder{
		"boot_id":          line("/proc/sys/kernel/random/boot_id"),
		"identity":         identity,
		"is_virtual":       isVirtual,
		"kernel":           line("/proc/sys/kernel/ostype"),
		"kernelmajversion": kernelMajVersion,
		"kernelrelease":    line("/proc/sys/kernel/osrelease"),
		"kernelversion":    kernelVersion,
		"load_averages":    probe.Parsed("/proc/loadavg", parseLoad),
		"os":               operatingSystem,
		"package_manager":  packageManager,
		"service_manager":  serviceManager,
		"ssh":              ssh,
		"system_uptime":    probe.Parsed("/proc/uptime", parseUptime),
		"timezone":         timezone,
		"virtual":          virtual,
	}
}

func operatingSystem(_ context.Context, n *probe.Node) (any, error) {
	r, err := releaseOf(n)
	if err != nil {
		return nil, err
	}
	hardware := n.Hardware()
	os := map[string]any{
		"name": r.name, "family": r.family, "hardware": hardware, "architecture": architecture(r.family, hardware),
		"release": r.version(),
		"distro": probe.Object(map[string]any{
			"id": r.distro, "codename": r.codename, "description": r.description, "release": r.version(),
		}),
		"selinux": selinux(n),
	}
	return probe.Object(os), nil
}

// architecture is the distribution's word for it.
func architecture(family, hardware string) string {
	switch {
	case family == "Debian" && hardware == "x86_64":
		return "amd64"
	case len(hardware) == 4 && hardware[0] == 'i' && strings.HasSuffix(hardware, "86"):
		return "i386"
	}
	return hardware
}

func selinux(n *probe.Node) map[string]any {
	enforce := n.Word("/sys/fs/selinux/enforce")
	if enforce == "" {
		return map[string]any{"enabled": false}
	}
	mode := "permissive"
	if enforce == "1" {
		mode = "enforcing"
	}
	return probe.Object(map[string]any{
		"enabled": true, "enforced": enforce == "1", "current_mode": mode, "policy_version": n.Word("/sys/fs/selinux/policyvers"),
	})
}

// release is what a distribution says of itself.
type release struct {
	name, family                  string
	distro, codename, description string
	full                          string
}

var number = regexp.MustCompile(`\d+(\.\d+)*`)

// releaseOf reads os-release, and the distribution's own file where that says more: the point release, in Debian's and CentOS' case.
func releaseOf(n *probe.Node) (release, error) {
	vars, err := osrelease.Read(n.View)
	if err != nil {
		return release{}, err
	}
	r := releaseBy(vars)
	switch {
	case r.name == "Debian":
		// "12.5", or "trixie/sid" before there is a number
		if v := n.Word("/etc/debian_version"); v != "" {
			r.full = v
		}
	case r.name == "CentOS":
		if v := number.FindString(n.Word("/etc/centos-release")); v != "" {
			r.full = v
		}
	case r.name == "" && n.There("/etc/redhat-release") == host.Regular: // before os-release
		r = parseRedHat(n.Word("/etc/redhat-release"))
	}
	if r.name == "" {
		r.name, r.family = "Linux", "Linux"
	}
	return r, nil
}

// system is how Facter names a distribution and its family, by the ID of os-release.
type system struct{ name, family string }

func systems() map[string]system {
	return map[string]system{
		"debian": {"Debian", "Debian"}, "ubuntu": {"Ubuntu", "Debian"}, "devuan": {"Devuan", "Debian"}, "linuxmint": {"LinuxMint", "Debian"},
		"raspbian": {"Raspbian", "Debian"}, "kali": {"Kali", "Debian"}, "pop": {"Pop", "Debian"},
		"rhel": {"RedHat", "RedHat"}, "centos": {"CentOS", "RedHat"}, "fedora": {"Fedora", "RedHat"}, "rocky": {"Rocky", "RedHat"},
		"almalinux": {"AlmaLinux", "RedHat"}, "ol": {"OracleLinux", "RedHat"}, "scientific": {"Scientific", "RedHat"},
		"amzn": {"Amazon", "RedHat"}, "cloudlinux": {"CloudLinux", "RedHat"}, "virtuozzo": {"VirtuozzoLinux", "RedHat"},
		"sles": {"SLES", "Suse"}, "sled": {"SLED", "Suse"}, "opensuse": {"openSUSE", "Suse"}, "opensuse-leap": {"openSUSE", "Suse"},
		"opensuse-tumbleweed": {"openSUSE", "Suse"}, "sle-micro": {"SLE-Micro", "Suse"}, "sl-micro": {"SL-Micro", "Suse"},
		"arch": {"Archlinux", "Archlinux"}, "archarm": {"Archlinux", "Archlinux"}, "manjaro": {"Manjarolinux", "Archlinux"},
		"gentoo": {"Gentoo", "Gentoo"}, "alpine": {"Alpine", "Alpine"}, "slackware": {"Slackware", "Slackware"}, "mageia": {"Mageia", "Mandrake"},
		"photon": {"PhotonOS", "RedHat"}, "mariner": {"Mariner", "Mariner"}, "azurelinux": {"AzureLinux", "RedHat"},
	}
}

// releaseBy is what os-release says.
func releaseBy(v map[string]string) release {
	r := release{full: v["VERSION_ID"], codename: v["VERSION_CODENAME"], description: v["PRETTY_NAME"]}
	if r.codename == "" {
		if _, after, ok := strings.Cut(v["VERSION"], "("); ok { // "7 (Core)"
			r.codename, _, _ = strings.Cut(after, ")")
		}
	}
	known := systems()
	s, ok := known[v["ID"]]
	if !ok {
		s.name = v["NAME"]
		for like := range strings.FieldsSeq(v["ID_LIKE"]) {
			if l, ok := known[like]; ok {
				s.family = l.family
				break
			}
		}
	}
	if s.family == "" {
		s.family = s.name
	}
	r.name, r.family, r.distro = s.name, s.family, s.name
	return r
}

var redHat = regexp.MustCompile(`^(\S.*?) release ([0-9.]+)(?: \((.*)\))?`)

// parseRedHat reads the line of redhat-release: "CentOS release 6.10 (Final)".
func parseRedHat(line string) release {
	m := redHat.FindStringSubmatch(line)
	if m == nil {
		return release{}
	}
	name, _, _ := strings.Cut(m[1], " ")
	r := release{name: name, family: "RedHat", full: m[2], codename: m[3], description: line}
	if strings.HasPrefix(m[1], "Red Hat") {
		r.name = "RedHat"
	}
	r.distro = r.name
	return r
}

// version splits the release: Ubuntu counts "22.04" as one, everybody else major and minor.
func (r release) version() map[string]any {
	major, rest, _ := strings.Cut(r.full, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if r.name == "Ubuntu" {
		major, minor = r.full, ""
	}
	return probe.Object(map[string]any{"full": r.full, "major": major, "minor": minor})
}

// line finds a fact that is all that a file holds.
func line(file string) probe.Finder {
	return func(_ context.Context, n *probe.Node) (any, error) {
		s, err := n.File(file)
		return probe.OrNone(strings.TrimSpace(s)), err
	}
}

func kernelVersion(_ context.Context, n *probe.Node) (any, error) {
	s, err := n.File("/proc/sys/kernel/osrelease")
	return probe.OrNone(number.FindString(s)), err
}

func kernelMajVersion(_ context.Context, n *probe.Node) (any, error) {
	s, err := n.File("/proc/sys/kernel/osrelease")
	parts := strings.SplitN(number.FindString(s), ".", 3)
	return probe.OrNone(strings.Join(parts[:min(2, len(parts))], ".")), err
}

func identity(ctx context.Context, n *probe.Node) (any, error) {
	id := map[string]any{"uid": int64(n.EUID), "gid": int64(n.EGID), "privileged": n.EUID == 0}
	// An id without an entry has no name.
	if u, err := n.View.LookupUser(ctx, strconv.Itoa(n.EUID)); err == nil {
		id["user"] = u.Name
	}
	if g, err := n.View.LookupGroup(ctx, strconv.Itoa(n.EGID)); err == nil {
		id["group"] = g.Name
	}
	return probe.Object(id), nil
}
