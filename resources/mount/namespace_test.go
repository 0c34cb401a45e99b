package mount

import (
	"testing"

	"github.com/nodeapply/apply/host/hosttest"
)

// In a mount namespace of its own a run mounts for itself alone, which is told.
func TestApart(t *testing.T) {
	const node = "-- etc/fstab --\n-- data/ --\n-- proc/1/ns/mnt -> mnt:[1] --\n"
	for name, tc := range map[string]struct {
		tree, ensure string
		is           bool // mounted
		want         int
	}{
		"mounts":          {node + "-- proc/self/ns/mnt -> mnt:[2] --\n", mounted, false, 1},
		"unmounts":        {node + "-- proc/self/ns/mnt -> mnt:[2] --\n", absent, true, 1},
		"the entry alone": {node + "-- proc/self/ns/mnt -> mnt:[2] --\n", present, false, 0},
		"is unmounted":    {node + "-- proc/self/ns/mnt -> mnt:[2] --\n", unmounted, false, 0},
		"the node's own":  {node + "-- proc/self/ns/mnt -> mnt:[1] --\n", mounted, false, 0},
		"not told":        {"-- etc/fstab --\n-- data/ --\n", mounted, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			if tc.is {
				h.Mount(current())
			}
			d, err := declare(tc.ensure).Check(t.Context(), h)
			if err != nil || len(d.Notes) != tc.want {
				t.Errorf("notes: %q, %v", d.Notes, err)
			}
		})
	}
}
