package mounttable

import (
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/octal"
)

// fstabEntry is a line of /etc/fstab.
type fstabEntry struct {
	source, fstype string
	options        []string
}

// fstab returns the entry for the mount point, nil if there is none.
func (r run) fstab(point string) (*fstabEntry, error) {
	content, err := host.ReadFile(r.v, "/etc/fstab")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(content) {
		f := strings.Fields(line)
		if len(f) < 3 || strings.HasPrefix(f[0], "#") {
			continue
		}
		for i := range f {
			f[i] = octal.Unescape(f[i])
		}
		if !path.IsAbs(f[1]) || r.canonical(f[1]) != point {
			continue
		}
		e := &fstabEntry{source: f[0], fstype: f[2]}
		if len(f) > 3 {
			e.options = strings.Split(f[3], ",")
		}
		return e, nil
	}
	return nil, nil
}

// Where the kernel shows a mount option, or that it never does: other words are shown among the options of the file system.
var (
	ownFlags  = []string{"nosuid", "nodev", "noexec", "nodiratime", "nosymfollow"}
	userspace = []string{"", "auto", "noauto", "nofail", "_netdev", "nouser", "loop", "bind", "rbind", "remount"}
	atimes    = []string{"noatime", "relatime", "strictatime"}
	implied   = map[string][]string{
		"defaults": {"rw", "suid", "dev", "exec", "async"}, "atime": {"relatime"},
		"user": {"noexec", "nosuid", "nodev"}, "users": {"noexec", "nosuid", "nodev"}, "owner": {"nosuid", "nodev"}, "group": {"nosuid", "nodev"},
	}
)

// flags are the options of a mount and those of its file system, which were base and super, after these words. Both begin with rw or ro.
func flags(base, super, words []string) (own, of []string) {
	if own, of = slices.Clone(base), slices.Clone(super); len(own) == 0 || len(of) == 0 {
		own, of = []string{"rw"}, []string{"rw"}
	}
	without := func(list []string, drop ...string) []string {
		return slices.DeleteFunc(list, func(o string) bool { return slices.Contains(drop, o) })
	}
	for _, asked := range words {
		all := implied[asked]
		if all == nil {
			all = []string{asked}
		}
		for _, w := range all {
			key, _, valued := strings.Cut(w, "=")
			switch {
			case w == "ro" || w == "rw":
				own[0], of[0] = w, w
			case slices.Contains(userspace, w) || strings.HasPrefix(w, "x-") || key == "comment":
			case slices.Contains(atimes, w):
				if own = without(own, atimes...); w != "strictatime" {
					own = append(own, w)
				}
			case slices.Contains(ownFlags, w):
				own = append(without(own, w), w)
			case slices.Contains(ownFlags, "no"+w):
				own = without(own, "no"+w)
			case w == "async":
				of = without(of, "sync")
			case w == "nolazytime":
				of = without(of, "lazytime")
			default:
				of = slices.DeleteFunc(of, func(o string) bool { return o == w || valued && strings.HasPrefix(o, key+"=") })
				of = append(of, w)
			}
		}
	}
	return own, of
}
