package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
)

// Layer is one mounted file system of the node, as it is in a box.
type Layer struct {
	Point    string
	ReadOnly bool `json:",omitempty"`
	File     bool `json:",omitempty"` // a single file is mounted there: it is there as it is, read-only
	Gone     bool `json:",omitempty"` // it went away, and its mount point too, after the node's mounts were listed
}

// open gives the upper folder the mode and the owner of the file system's root: they are those that are seen in a box, where not only root has to come by.
func (l Layer) open(upper string) error {
	if l.File || l.Gone {
		return nil
	}
	var st unix.Stat_t
	switch err := unix.Stat(l.Point, &st); {
	case errors.Is(err, fs.ErrNotExist): // gone by now
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", l.Point, err)
	}
	return errors.Join(os.Chown(upper, int(st.Uid), int(st.Gid)), unix.Chmod(upper, st.Mode&0o7777))
}

// anew are folders that a box gets anew, with all that is mounted in them.
var anew = []string{"/proc", "/sys", "/dev", "/run"}

// Kernel's own, which hold no files.
var kernels = []string{
	"proc", "sysfs", "cgroup", "cgroup2", "devtmpfs", "devpts", "mqueue", "hugetlbfs", "debugfs", "tracefs", "securityfs", "pstore", "bpf", "configfs",
	"fusectl", "efivarfs", "binfmt_misc", "autofs", "nsfs", "rpc_pipefs", "selinuxfs",
}

// Remote ones, whose servers would be asked: an overlay of them is not the node's alone.
var remote = []string{"nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "ocfs2", "gfs2"}

// Layers plans which of the node's mounts a box has, the outer before the inner ones, and names those that are left out of it.
func Layers(mounts []host.Mount) (layers []Layer, left []string) {
	for _, m := range mounts {
		covered := func(point string) bool { return host.Within(point, m.Point) }
		layers = slices.DeleteFunc(layers, func(l Layer) bool { return covered(l.Point) })
		left = slices.DeleteFunc(left, covered)
		switch {
		case slices.ContainsFunc(anew, func(dir string) bool { return host.Within(m.Point, dir) }), slices.Contains(kernels, m.FSType):
		case slices.Contains(remote, m.FSType), strings.HasPrefix(m.FSType, "fuse."):
			left = append(left, m.Point)
		default:
			layers = append(layers, Layer{Point: m.Point, ReadOnly: slices.Contains(m.Options, "ro") || slices.Contains(m.SuperOptions, "ro")})
		}
	}
	return layers, left
}
