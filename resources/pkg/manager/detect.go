package manager

import (
	"errors"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/osrelease"
)

// ErrNone says that a node has no package manager that is known here.
var ErrNone = errors.New("this node has no package manager that is known (apt, dnf, yum, zypper, pacman, apk)")

// families are the package managers by the ids of the distributions that use them, and the programs by which they are known.
var families = [...]struct {
	name     string
	ids      []string
	programs []string
}{
	{"apt", []string{"debian", "ubuntu"}, []string{"/usr/bin/apt-get"}},
	{"dnf", []string{"fedora", "rhel", "centos"}, []string{"/usr/bin/dnf", "/usr/bin/dnf5", "/usr/bin/dnf-3"}},
	{"yum", []string{"fedora", "rhel", "centos"}, []string{"/usr/bin/yum"}},
	{"zypper", []string{"suse", "opensuse", "sles"}, []string{"/usr/bin/zypper"}},
	{"pacman", []string{"arch"}, []string{"/usr/bin/pacman"}},
	{"apk", []string{"alpine"}, []string{"/sbin/apk", "/usr/bin/apk", "/usr/sbin/apk"}},
}

// Detect returns the name of the package manager that a node uses by default: that of its distribution by /etc/os-release (ID, then
// ID_LIKE) if its program is there, else the first whose program is there.
func Detect(v host.View) (string, error) {
	ids, err := osIDs(v)
	if err != nil {
		return "", err
	}
	var there []string
	for _, f := range families {
		for _, program := range f.programs {
			st, err := v.Lstat(program)
			if err != nil {
				return "", err
			}
			if st.Kind != host.Absent {
				there = append(there, f.name)
				break
			}
		}
	}
	for _, id := range ids {
		for _, f := range families {
			if slices.Contains(f.ids, id) && slices.Contains(there, f.name) {
				return f.name, nil
			}
		}
	}
	if len(there) == 0 {
		return "", ErrNone
	}
	return there[0], nil
}

// osIDs lists the words of ID and then those of ID_LIKE.
func osIDs(v host.View) ([]string, error) {
	release, err := osrelease.Read(v)
	return strings.FieldsFunc(release["ID"]+" "+release["ID_LIKE"], func(r rune) bool { return r == ' ' || r == '-' }), err
}

// ReposOf is the name under which repositories of a provider are known to packages; dnf and yum are one, and "" is the node's own.
func ReposOf(provider string) string {
	switch provider {
	case "":
		return "default"
	case "yum":
		return "dnf"
	}
	return provider
}
