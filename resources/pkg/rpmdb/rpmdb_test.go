package rpmdb

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/conffile"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// What rpm keeps of a purged package's configuration goes; of other packages' it stays.
func TestPurge(t *testing.T) {
	h := hosttest.New(t, "-- etc/tool.conf.rpmsave --\nmine\n-- etc/other.conf.rpmsave --\nothers\n-- etc/plain.conf --\nx\n")
	h.Answer("rpm -qc -- tool plain", 0, "/etc/tool.conf\n(contains no files)\n/etc/plain.conf\n")
	removed := false
	if err := Purge(t.Context(), &manager.Session{Host: h}, []string{"tool", "plain"}, func() error { removed = true; return nil }); err != nil || !removed {
		t.Fatal(removed, err)
	}
	saved, err := conffile.Saved(h, Ending)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/etc/other.conf"}, saved); diff != "" {
		t.Error(diff)
	}
}

func TestOwned(t *testing.T) {
	lists := map[string]string{"tool": "/etc/tool.conf\n/usr/bin/tool\n", "other": "/etc/tool.conf.d\n"}
	got, err := Owned([]string{"tool", "other"}, []string{"/etc/tool.conf", "/etc/none"}, func(name string) (string, error) { return lists[name], nil })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"tool": {"/etc/tool.conf"}}, got); diff != "" {
		t.Error(diff)
	}
}
