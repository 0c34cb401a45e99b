// Package protect knows what of a node is never removed nor replaced, whatever is declared, and what is only by force.
package protect

import (
	"context"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Replaceable finds what keeps the thing at name, which st is, from being removed or replaced, before anything is. Force is that of the declaration, and
// its lack an error of that attribute. In a tree it is the walk that looks for mounts.
func Replaceable(ctx context.Context, v host.View, name string, st host.Stat, force, inTree bool) error {
	switch st.Kind {
	case host.Directory, host.Symlink:
		if err := System(v, name, st); err != nil {
			return err
		}
	case host.CharDevice, host.BlockDevice:
		if !force {
			return forced("%s is a %s: it is replaced or removed only with force = true", name, st.Kind)
		}
	}
	if st.Kind != host.Directory {
		return nil
	}
	if !force {
		for _, err := range v.ReadDir(name) {
			if err != nil {
				return err
			}
			return forced("%s is a directory that is not empty: it is removed, with all that is in it, only with force = true", name)
		}
	}
	if inTree {
		return nil
	}
	mounts, err := v.Mounts(ctx)
	if err != nil {
		return err
	}
	if point := Mounted(mounts, name); point != "" {
		return fmt.Errorf("%s is a mount point: it is never removed", point)
	}
	return nil
}

func forced(format string, args ...any) error {
	return &resources.AttrError{Attr: "force", Err: fmt.Errorf(format, args...)}
}

// systemFolders are the folders (or the links in their place) that no node survives the loss of.
func systemFolders() []string {
	return []string{
		"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/media", "/mnt", "/opt", "/proc", "/root",
		"/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec",
		"/usr/local", "/usr/sbin", "/usr/share", "/var/cache", "/var/lib", "/var/lock", "/var/log", "/var/run", "/var/spool", "/var/tmp",
	}
}

// System refuses to have one of the system's own folders removed or replaced, by whatever name it is reached.
func System(v host.View, name string, st host.Stat) error {
	for _, folder := range systemFolders() {
		same := name == folder
		if !same {
			known, err := v.Lstat(folder)
			same = err == nil && known.Kind != host.Absent && known.Dev == st.Dev && known.Ino == st.Ino
		}
		if same {
			return fmt.Errorf("%s is a folder of the system itself: it is never removed", name)
		}
	}
	return nil
}

// Mounted returns the first mount point at or below name, "" if there is none.
func Mounted(mounts []host.Mount, name string) string {
	for _, m := range mounts {
		if host.Within(m.Point, name) {
			return m.Point
		}
	}
	return ""
}
