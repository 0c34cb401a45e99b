package mount

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

// What is mounted at two points can be had again at one of them, and the other stays as it was.
func (n *node) bound(t *testing.T, a string) {
	for name, tc := range map[string]struct {
		before string
		after  *Mount
		notes  int
	}{
		"all of what is in memory":  {"mount -t tmpfs none /mnt/other && touch /mnt/other/x && mount --bind /mnt/other /mnt/data", n.declare("", "", ""), 0},
		"a part of it":              {"mount -t tmpfs none /mnt/other && mkdir /mnt/other/src && mount --bind /mnt/other/src /mnt/data", n.declare("", "", ""), 0},
		"what is nowhere else":      {"mount -t tmpfs none /mnt/other && mount -t tmpfs none /mnt/data", n.declare("", "", ""), 1},
		"a disk that is written to": {"mount " + a + " /mnt/other && mount --bind /mnt/other /mnt/data && mount -o remount,bind,ro /mnt/data", n.declare("/mnt/other", "none", "bind"), 0},
		"memory, too":               {"mount -t tmpfs none /mnt/other && mount --bind /mnt/other /mnt/data && mount -o remount,bind,ro /mnt/data", n.declare("/mnt/other", "none", "bind"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			n.fresh(t, "")
			sh(t, tc.before)
			defer sh(t, "umount /mnt/other")
			if tc.after.Device == "" {
				tc.after.Ensure = absent
			}
			const state = "findmnt -rno VFS-OPTIONS,FS-OPTIONS,FSROOT /mnt/data; ls /mnt/data; findmnt -rno VFS-OPTIONS,FS-OPTIONS,FSROOT /mnt/other"
			before := sh(t, state)
			d, err := tc.after.Check(t.Context(), n)
			if err != nil || len(d.Notes) != tc.notes {
				t.Errorf("notes: %q, %v", d.Notes, err)
			}
			raw, err := tc.after.Before(t.Context(), n, resources.Diff{})
			if err != nil {
				t.Fatal(err)
			}
			n.converge(t, tc.after)
			if err := Type().New("/mnt/data").(*Mount).Restore(t.Context(), n, raw); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, sh(t, state)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is mounted in a folder the kernel hands on to where the folder is bound, too: it goes with the bind mount, and stays where it was mounted.
func (n *node) handedOn(t *testing.T) {
	n.fresh(t, "")
	sh(t, "mount --make-shared /mnt && mkdir -p /mnt/src/in")
	defer sh(t, "umount -R /mnt/src/in 2>/dev/null || true; mount --make-private /mnt")
	m := n.declare("/mnt/src", "none", "bind")
	raw, err := m.Before(t.Context(), n, resources.Diff{})
	if err != nil {
		t.Fatal(err)
	}
	for what, off := range map[string]func() error{
		"unmounted": func() error {
			m := n.declare("", "", "")
			m.Ensure = unmounted
			n.converge(t, m)
			return nil
		},
		"an undo": func() error { return Type().New("/mnt/data").(*Mount).Restore(t.Context(), n, raw) },
	} {
		n.converge(t, m)
		sh(t, "mount -t tmpfs none /mnt/src/in && mkdir /mnt/src/in/more && mount -t tmpfs none /mnt/src/in/more && touch /mnt/src/in/more/x")
		const state = "findmnt -rno TARGET | grep -E '^/mnt/(data|src)' | sort"
		if diff := cmp.Diff("/mnt/data\n/mnt/data/in\n/mnt/data/in/more\n/mnt/src/in\n/mnt/src/in/more\n", sh(t, state)); diff != "" {
			t.Fatalf("the kernel hands nothing on: %s", diff)
		}
		if err := off(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if diff := cmp.Diff("/mnt/src/in\n/mnt/src/in/more\n", sh(t, state+"; touch -c /mnt/src/in/more/x")); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", what, diff)
		}
		sh(t, "umount /mnt/src/in/more /mnt/src/in")
	}
}

// What is mounted inside a folder comes with rbind, and goes and comes back with it. Where it was bound from it stays, also where the kernel hands on what
// is unmounted; and in the way of any other mount it is.
func (n *node) deep(t *testing.T) {
	n.fresh(t, "")
	sh(t, "mount --make-shared /mnt && mkdir -p /mnt/src/in && mount -t tmpfs none /mnt/src/in && touch /mnt/src/in/x")
	defer sh(t, "umount /mnt/src/in; mount --make-private /mnt")
	const state = "ls /mnt/data/in/x /mnt/src/in/x 2>/dev/null || true; findmnt -rno TARGET | grep -E '^/mnt/(data|src)' | sort"
	bound := "/mnt/data/in/x\n/mnt/src/in/x\n/mnt/data\n/mnt/data/in\n/mnt/src/in\n"
	gone := "/mnt/src/in/x\n/mnt/src/in\n"
	step := func(m *Mount, want string) (undo func(want string)) {
		t.Helper()
		raw, err := m.Before(t.Context(), n, resources.Diff{})
		if err != nil {
			t.Fatal(err)
		}
		n.converge(t, m)
		see := func(want string) {
			t.Helper()
			if diff := cmp.Diff(want, sh(t, state)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		see(want)
		return func(want string) {
			t.Helper()
			if err := Type().New("/mnt/data").(*Mount).Restore(t.Context(), n, raw); err != nil {
				t.Fatal(err)
			}
			see(want)
		}
	}
	undo := step(n.declare("/mnt/src", "none", "rbind"), bound)
	undo(gone)
	step(n.declare("/mnt/src", "none", "rbind"), bound)
	m := n.declare("", "", "")
	m.Ensure = unmounted
	undo = step(m, gone)
	undo(bound)
	m.Ensure = absent
	step(m, gone)

	step(n.declare("/mnt/src", "none", "bind"), "/mnt/src/in/x\n/mnt/data\n/mnt/src/in\n")
	sh(t, "mount --make-private /mnt/data && mount -t tmpfs none /mnt/data/in")
	d, err := m.Check(t.Context(), n)
	if err == nil {
		err = m.Apply(t.Context(), n, d)
	}
	if err == nil || !strings.Contains(err.Error(), "busy") {
		t.Errorf("want what is mounted inside to be in the way, got %v", err)
	}
	sh(t, "umount /mnt/data/in && umount /mnt/data")
}
