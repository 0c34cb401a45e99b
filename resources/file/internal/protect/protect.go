// Package protect knows what of a node is never removed nor replaced, whatever is declared.
package protect

import (
	"fmt"
	"strings"

	"github.com/nodeapply/apply/host"
)

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
		if m.Point == name || strings.HasPrefix(m.Point, name+"/") {
			return m.Point
		}
	}
	return ""
}
