//go:build linux && amd64

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPowerCut cuts the power after a run that ended well: what it brought is there after the next boot.
func TestPowerCut(t *testing.T) {
	cuts := 2
	if whole {
		cuts = 20
	}
	for _, fstype := range []string{"ext4", "xfs"} {
		t.Run(fstype, func(t *testing.T) {
			d := newDisk(t, fstype)
			lost := 0
			for range cuts {
				for _, l := range d.cut(t, small) {
					lost++
					t.Error(l)
				}
			}
			control := ""
			for _, mode := range []string{"nofsync", "nodirsync"} {
				s := small
				s.manifest, s.control = "", mode
				red := 0
				for range cuts {
					if len(d.cut(t, s)) > 0 {
						red++
					}
				}
				if red == 0 {
					t.Errorf("the harness found nothing wrong with the control %q", mode)
				}
				control += fmt.Sprintf("%s: %d of %d red; ", mode, red, cuts)
			}
			record(t, "power cut after exit 0, "+fstype, fmt.Sprintf("%d cuts, %d targets lost", cuts, lost), strings.TrimSuffix(control, "; "))
		})
	}
}

// disk is a file system on a loop device, which is gone when it is unmounted.
type disk struct{ image, dir, fstype string }

func newDisk(t *testing.T, fstype string) *disk {
	t.Helper()
	d := &disk{filepath.Join(t.TempDir(), "image"), t.TempDir(), fstype}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, 512<<20); err != nil {
		t.Fatal(err)
	}
	command(t, "mkfs."+fstype, "-q", d.image)
	d.mount(t)
	t.Cleanup(func() {
		if err := unix.Unmount(d.dir, 0); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *disk) mount(t *testing.T) {
	command(t, "mount", "-t", d.fstype, "-o", "loop", d.image, d.dir)
}

// cut sets the scene up durably, runs the program, cuts the power, and says what is not there afterwards.
func (d *disk) cut(t *testing.T, s scene) []string {
	t.Helper()
	st := s.set(t, d.dir)
	command(t, "sync", "-f", d.dir)
	if end := runProgram(t, limit, st.args...); end.code != 0 {
		t.Fatalf("exit code %d\n%s", end.code, end.output())
	}
	want := st.look(t)
	command(t, "xfs_io", "-x", "-c", "shutdown", d.dir)
	command(t, "umount", d.dir)
	d.mount(t)
	return differences("the power cut", want, st.look(t))
}
