package mount

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func (n *node) stacked(t *testing.T, a, b string) {
	for ensure, want := range map[string][]string{absent: nil, unmounted: nil, mounted: {a + " ext4"}} {
		t.Run(ensure, func(t *testing.T) {
			n.fresh(t, "")
			sh(t, "mount "+b+" /mnt/data; mount -t tmpfs none /mnt/data; mount "+b+" /mnt/data")
			m := n.declare(a, "ext4", "")
			m.Ensure = ensure
			n.converge(t, m)
			if diff := cmp.Diff(want, n.mounted(t)); diff != "" {
				t.Errorf("mounted (-want +got):\n%s", diff)
			}
		})
	}
}

// What is declared may be in use under what was stacked over it.
func (n *node) stackedOverUse(t *testing.T, a string) {
	n.fresh(t, "")
	sh(t, "mount "+a+" /mnt/data && mkdir -p /mnt/data/sub && mount -t tmpfs none /mnt/data/sub && mount -t tmpfs none /mnt/data")
	n.converge(t, n.declare(a, "ext4", ""))
	if diff := cmp.Diff([]string{a + " ext4"}, n.mounted(t)); diff != "" {
		t.Errorf("mounted (-want +got):\n%s", diff)
	}
	sh(t, "umount /mnt/data/sub && rmdir /mnt/data/sub")
}

// What is in memory alone is lost with its mount, which is told before.
func TestMemoryIsLost(t *testing.T) {
	memory := other(func(m *host.Mount) { m.FSType, m.Source = "tmpfs", "none" })
	for name, tc := range map[string]struct {
		ensure string
		is     host.Mount
		want   int
	}{
		"unmounted":       {unmounted, memory, 1},
		"removed":         {absent, memory, 1},
		"another in it":   {mounted, memory, 1},
		"the entry alone": {present, memory, 0},
		"a disk":          {absent, current(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n-- data/ --\n")
			h.Mount(tc.is)
			d, err := declare(tc.ensure).Check(t.Context(), h)
			if err != nil || len(d.Notes) != tc.want {
				t.Errorf("notes: %q, %v", d.Notes, err)
			}
		})
	}
}
