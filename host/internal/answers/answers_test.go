package answers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/internal/mountinfo"
)

func TestFind(t *testing.T) {
	w := New()
	if err := w.Answers("/"); err != nil {
		t.Fatal(err)
	}
	w.mounts = []mountinfo.Mount{{ID: 1, Point: "/srv", FSType: "nfs4"}, {ID: 2, Point: "/srv/data", FSType: "fuse.glusterfs"}, {ID: 3, Point: "/srv/data", FSType: "9p"}}
	for name, want := range map[string]int{"/srv": 1, "/srv/datum": 1, "/srv/data": 3, "/srv/data/x": 3, "/srvx": 0, "/": 0} {
		m, _, err := w.find(name)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if m != nil {
			got = m.ID
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: mount (-want +got):\n%s", name, diff)
		}
	}
}

func TestServed(t *testing.T) {
	for fstype, want := range map[string]bool{"ext4": false, "tmpfs": false, "overlay": false, "nfs": true, "nfs4": true, "fuse.glusterfs": true, "fuseblk": true, "cifs": true} {
		if got := served(fstype); got != want {
			t.Errorf("%s: served by others: %v, want %v", fstype, got, want)
		}
	}
}

func TestAnError(t *testing.T) {
	if err := ask("/there/is/no/such/name"); err != nil {
		t.Errorf("a name that is not there is an answer: %v", err)
	}
}
