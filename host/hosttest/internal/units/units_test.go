package units

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
)

func TestManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, err := local.New(local.Options{Root: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer node.Close()
		m, err := New(node)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Add(
			Unit{Unit: host.Unit{Name: "a.service"}, Aliases: []string{"alias.service"}, DiesAfter: time.Second},
			Unit{Unit: host.Unit{Name: "bad.service", UnitFileState: "static"}, Fails: "exit-code"},
		); err != nil {
			t.Fatal(err)
		}
		state := func(name string) string {
			u, err := m.Unit(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join([]string{u.ID, u.LoadState, u.ActiveState, u.UnitFileState, u.Result}, " ")
		}
		for _, s := range []struct {
			name string
			verb host.Verb
			ok   bool
			want string
		}{
			{"none.service", host.Start, false, "none.service not-found inactive  success"},
			{"a.service", host.Reload, false, "a.service loaded inactive disabled success"},
			{"alias.service", host.Start, true, "a.service loaded active disabled success"},
			{"a.service", host.Enable, true, "a.service loaded active enabled success"},
			{"a.service", host.Stop, true, "a.service loaded inactive enabled success"},
			{"a.service", host.Mask, true, "a.service masked inactive masked success"},
			{"a.service", host.Start, false, "a.service masked inactive masked success"},
			{"a.service", host.Unmask, true, "a.service loaded inactive enabled success"},
			{"bad.service", host.Start, false, "bad.service loaded failed static exit-code"},
			{"bad.service", host.Enable, true, "bad.service loaded failed static exit-code"},
			{"a.service", host.Restart, true, "a.service loaded active enabled success"},
		} {
			if err := m.Do(t.Context(), s.name, s.verb); (err == nil) != s.ok {
				t.Errorf("%s %s: %v", s.verb, s.name, err)
			}
			if diff := cmp.Diff(s.want, state(s.name)); diff != "" {
				t.Errorf("%s %s: -want +got\n%s", s.verb, s.name, diff)
			}
		}
		time.Sleep(time.Second) // of the bubble's clock
		if diff := cmp.Diff("a.service loaded failed enabled exit-code", state("a.service")); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}
