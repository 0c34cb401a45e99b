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

// mounts has what is to be mounted, unmounted, and mounted with other options.
var mounts = scene{
	name:    "mounts",
	before:  []entry{{"new/", "", 0o755}, {"old/", "", 0o755}, {"other/", "", 0o755}},
	fstab:   true,
	parts:   true,
	mounted: []string{"old", "other"},
	refresh: "cat new/in; grep -c ' DIR/' /proc/self/mountinfo",
	manifest: `
defaults "mount" {
  device = "tmpfs"
  fstype = "tmpfs"
}
mount "DIR/new" {
  options = "size=1m,mode=700"
  ensure  = "mounted"
  notify  = [exec.refresh]
}
file "DIR/new/in" {
  content = "in\n"
  notify  = [exec.refresh]
}
mount "DIR/old" {
  ensure = "absent"
  notify = [exec.refresh]
}
mount "DIR/other" {
  options = "size=2m"
  ensure  = "mounted"
  notify  = [exec.refresh]
}
exec "refresh" {
  command     = "(REFRESH) >> log"
  cwd         = "DIR"
  refreshonly = true
}
`,
}

// mount mounts what is mounted before, and nothing else, with entries in the table of mounts.
func (st *stage) mount(t *testing.T) {
	t.Helper()
	table := oldFstab
	for _, name := range st.mounted {
		point := filepath.Join(st.dir, name)
		if err := unix.Mount("tmpfs", point, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatal(err)
		}
		table += fmt.Sprintf("tmpfs %s tmpfs size=1m 0 0\n", point)
	}
	writeFile(t, "/etc/fstab", table, 0o644)
}

// unmount unmounts all that is mounted in the folder.
func (st *stage) unmount(t *testing.T) {
	t.Helper()
	points := st.points(t)
	for i := len(points) - 1; i >= 0; i-- {
		point, _, _ := strings.Cut(points[i], " ")
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
}

// points lists what is mounted in the folder, with its size.
func (st *stage) points(t *testing.T) (all []string) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if strings.HasPrefix(f[4], st.dir+"/") {
			all = append(all, f[4]+" "+f[len(f)-1])
		}
	}
	return all
}

// TestMountsKilled kills a run that mounts and unmounts before every call that changes something: the next one ends it, and undone both give back what was.
func TestMountsKilled(t *testing.T) {
	base := onTmpfs(t)
	st := mounts.set(t, base)
	before, was := st.look(t), st.points(t)
	_, after := st.undisturbed(t)
	is := st.points(t)
	var v verdict
	for k := 1; ; k += sampled(1, 5) {
		st := mounts.set(t, base)
		res, at, ok := st.ended(t, k)
		if !ok {
			break
		}
		found, lost := st.judge(t, res, before, after)
		if now := st.points(t); strings.Join(now, "\n") != strings.Join(is, "\n") {
			found = append(found, fmt.Sprintf("mounted is %q, want %q", now, is))
		}
		found = append(found, st.undoAll(t)...)
		found = append(found, differences("undoing all runs", before, st.look(t))...)
		if now := st.points(t); len(now) != len(was) {
			found = append(found, fmt.Sprintf("undone, mounted is %q, want %q", now, was))
		}
		v.add(fmt.Sprintf("killed before %v", at), found, lost)
	}
	st.unmount(t)
	v.tally(t, "kill -9 of a run that mounts and unmounts before each changing call, the next run, and all undone")
}
