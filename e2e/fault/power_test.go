//go:build linux && amd64

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
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
			for n := range cuts {
				state := ""
				if n%2 == 1 { // on a disk of its own, as /var often is: what is synced there takes nothing along
					state = onTmpfs(t)
				}
				for _, l := range d.cut(t, small, state) {
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
					if len(d.cut(t, s, "")) > 0 {
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

// TestPowerCutOnTheWay cuts the power before calls that change something, once with what the file system has logged until then on the disk and once
// without: each target is old or new, and no refresh is lost that a new one owes.
func TestPowerCutOnTheWay(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs"} {
		if fstype != "ext4" && !whole {
			continue
		}
		t.Run(fstype, func(t *testing.T) {
			d := newDisk(t, fstype)
			found := d.cutAll(t, small)
			for _, f := range found.faults {
				t.Error(f)
			}
			control := ""
			for _, mode := range []string{"nofsync", "memory"} {
				s := small
				s.manifest, s.control = "", mode
				red := d.cutAll(t, s)
				if red.red == 0 {
					t.Errorf("the harness found nothing wrong with the control %q", mode)
				}
				control += fmt.Sprintf("%s: %d of %d red; ", mode, red.red, red.kills)
			}
			record(t, "power cut before each changing call, "+fstype, fmt.Sprintf("%d cuts, %d red, %d refreshes lost", found.kills, found.red, found.lost), strings.TrimSuffix(control, "; "))
		})
	}
}

// cutAll cuts the power until the scene's command writes: what that has not synced is its own.
func (d *disk) cutAll(t *testing.T, s scene) verdict {
	t.Helper()
	set := func() stage {
		st := s.set(t, d.dir)
		command(t, "sync", "-f", d.dir)
		return st
	}
	st := set()
	before, after := st.undisturbed(t)
	step, hows := 1, []string{"shutdown -f"}
	switch {
	case whole:
		hows = append(hows, "shutdown")
	case s.control == "":
		step = 3
	}
	var v verdict
	for k := 1; ; k += step {
		for _, how := range hows {
			st := set()
			var at ptrace.Call
			written := false
			res := st.traced(t, func(c ptrace.Call) ptrace.Verdict {
				late := written
				written = late || filepath.Base(c.Path) == "log"
				if c.N != k || late {
					return ptrace.Verdict{}
				}
				at = c
				command(t, "xfs_io", "-x", "-c", how, d.dir)
				return ptrace.Verdict{Kill: true}
			})
			if at.N == 0 {
				enough(t, v.kills)
				return v
			}
			command(t, "umount", d.dir)
			d.mount(t)
			found, lost := st.judge(t, res, before, after)
			if s.control == "" {
				found = append(found, st.undoneAfterCut(t, before)...)
			}
			v.add(fmt.Sprintf("%s before %v", how, at), found, lost)
		}
	}
}

// undoneAfterCut undoes all runs, which gives back what was before, but for what the run was at when the power was cut: that may be refused.
func (st *stage) undoneAfterCut(t *testing.T, before map[string]thing) []string {
	t.Helper()
	refused := st.undoAll(t)
	if slices.ContainsFunc(refused, func(f string) bool { return strings.Contains(f, "the run died in the middle of it") }) {
		return slices.DeleteFunc(refused, func(f string) bool { return strings.Contains(f, "refused (") })
	}
	return append(refused, differences("undoing all runs", before, st.look(t))...)
}

// TestPowerCutOfUndo cuts the power after an undo that ended well, and before calls of one that change something: what it has put back is there, the rest is
// as the run left it, and the next undo does it.
func TestPowerCutOfUndo(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs"} {
		if fstype != "ext4" && !whole {
			continue
		}
		t.Run(fstype, func(t *testing.T) {
			d := newDisk(t, fstype)
			var v verdict
			for k, ended := 1, false; !ended; k += sampled(1, 3) {
				st := small.set(t, d.dir)
				command(t, "sync", "-f", d.dir)
				before := st.look(t)
				st.does(t, st.main)
				after := st.look(t)
				var at ptrace.Call
				st.as("undo").traced(t, func(c ptrace.Call) ptrace.Verdict {
					if c.N != k {
						return ptrace.Verdict{}
					}
					at = c
					command(t, "xfs_io", "-x", "-c", "shutdown -f", d.dir)
					return ptrace.Verdict{Kill: true}
				})
				if ended = at.N == 0; ended {
					command(t, "xfs_io", "-x", "-c", "shutdown", d.dir)
				}
				command(t, "umount", d.dir)
				d.mount(t)
				found := allBetween(after, before, st.look(t))
				if !ended {
					found = append(found, st.finish(t, 0)...)
				}
				found = append(found, differences("the undo", before, st.look(t))...)
				v.add(fmt.Sprintf("cut before %v", at), found, false)
			}
			v.tally(t, "power cut before each changing call of an undo, and after it, "+fstype)
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

// cut sets the scene up durably, runs the program, cuts the power, and says what is not there afterwards. The state folder is on the disk too, unless
// another one is given.
func (d *disk) cut(t *testing.T, s scene, state string) []string {
	t.Helper()
	st := s.set(t, d.dir)
	for i, arg := range st.args {
		if state != "" && arg == st.state() {
			st.args[i] = state
		}
	}
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
