package rpmdb

import (
	"fmt"
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
	saved, err := conffile.Saved(h, ending)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/etc/other.conf"}, saved); diff != "" {
		t.Error(diff)
	}
}

// The files are one rpm -qa; the source is known by the name of its file.
func TestList(t *testing.T) {
	h := hosttest.New(t, "")
	h.Answer("rpm -qa", 0, "nginx-core\tx86_64\tnginx-1.20.1-14.el9.src.rpm\n/etc/nginx\n/usr/sbin/nginx\ngpg-pubkey\t(none)\t(none)\n(none)\n")
	var got []string
	if err := (Common{}).List(t.Context(), h, func(p *manager.Content, name string) { got = append(got, fmt.Sprintf("%v %s", *p, name)) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"{nginx-core x86_64 nginx false} /etc/nginx", "{nginx-core x86_64 nginx false} /usr/sbin/nginx"}, got); diff != "" {
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
