package mount

import (
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
