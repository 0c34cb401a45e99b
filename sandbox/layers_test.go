package sandbox

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
)

func TestLayers(t *testing.T) {
	layers, left := Layers([]host.Mount{
		{Point: "/", FSType: "ext4", Options: []string{"rw"}},
		{Point: "/proc", FSType: "proc"},
		{Point: "/run", FSType: "tmpfs"},
		{Point: "/run/user/0", FSType: "tmpfs"},
		{Point: "/data", FSType: "xfs", Options: []string{"rw"}},
		{Point: "/data/inner", FSType: "ext4", Options: []string{"rw"}},
		{Point: "/data", FSType: "btrfs", Options: []string{"ro"}},
		{Point: "/database", FSType: "ext4", Options: []string{"rw"}},
		{Point: "/usr/share/doc", FSType: "iso9660", SuperOptions: []string{"ro"}},
		{Point: "/home", FSType: "nfs4"},
		{Point: "/mnt/gluster", FSType: "fuse.glusterfs"},
		{Point: "/mnt/usb", FSType: "fuseblk", Options: []string{"rw"}},
		{Point: "/tmp", FSType: "tmpfs", Options: []string{"rw"}},
		{Point: "/srv/cgroup", FSType: "cgroup2"},
	})
	want := []Layer{
		{Point: "/"}, {Point: "/data", ReadOnly: true}, {Point: "/database"}, {Point: "/usr/share/doc", ReadOnly: true}, {Point: "/mnt/usb"}, {Point: "/tmp"},
	}
	if diff := cmp.Diff(want, layers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/home", "/mnt/gluster"}, left); diff != "" {
		t.Error(diff)
	}
}
