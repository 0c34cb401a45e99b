package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/sandbox/changes"
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

// TestUnmountedMeanwhile: what has gone since the mounts were listed, with the folder it was mounted on, is not in a box, and in nobody's way.
func TestUnmountedMeanwhile(t *testing.T) {
	for _, when := range []string{"before the stage", "before the box"} {
		t.Run(when, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("needs root; left out: boxes of a node whose mounts go away")
			}
			point := filepath.Join(t.TempDir(), "point")
			if err := errors.Join(os.Mkdir(point, 0o755), unix.Mount("apply", point, "tmpfs", 0, "")); err != nil {
				t.Fatal(err)
			}
			leave := func() error { return errors.Join(unix.Unmount(point, unix.MNT_DETACH), os.Remove(point)) }
			layers := listLayers(t)
			if when == "before the stage" {
				if err := leave(); err != nil {
					t.Fatal(err)
				}
			}
			s, err := NewStage(layers)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if when == "before the box" {
				if err := leave(); err != nil {
					t.Fatal(err)
				}
			}
			b := newBox(t, s)
			out, err := say(t, b, watched+"test ! -e "+point+"; echo x > "+filepath.Dir(point)+"/x")
			if err != nil || !strings.Contains(out, filepath.Dir(point)+"/x") {
				t.Errorf("what is written is not heard: %q, %v", out, err)
			}
			all, err := b.Changes(changes.View{})
			if _, ok := all[filepath.Dir(point)+"/x"]; !ok || err != nil {
				t.Errorf("the change is not told: %v, %v", all, err)
			}
		})
	}
}

// TestRoots: others than root come by the roots of file systems in a box as on the node.
func TestRoots(t *testing.T) {
	s := newStage(t)
	point := t.TempDir()
	if err := s.do(func() error { return unix.Mount("apply", point, "tmpfs", 0, "mode=1750,uid=5,gid=65534") }); err != nil {
		t.Fatal(err)
	}
	s.layers = append(s.layers, Layer{Point: point})
	line := "stat -c '%a %u %g' / " + point + "; setpriv --reuid=65534 --clear-groups cat /etc/hostname > /dev/null && echo read"
	root, err := exec.Command("stat", "-c", "%a %u %g", "/").Output()
	if err != nil {
		t.Fatal(err)
	}
	out, err := say(t, newBox(t, s), line)
	if diff := cmp.Diff(string(root)+"1750 5 65534\nread\n", out); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
