package undo

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/resources"
)

// TestNotified: what is put back notifies whom it notified in the run. Units that the run refreshed are refreshed by the undo, all else by the next run.
func TestNotified(t *testing.T) {
	check, web := resources.Address{Type: "exec", Title: "check"}, resources.Address{Type: "service", Title: "web"}
	for name, tt := range map[string]struct {
		owes  string // by motd; check notifies web
		verb  host.Verb
		steps string
		left  string
	}{
		"nobody":                              {"", host.Restart, "file.motd", ""},
		"a service that the run restarted":    {"web", host.Restart, "file.motd service.web:restart of web.service", "service.web"},
		"one that it reloaded":                {"web", host.Reload, "file.motd service.web:reload of web.service", "service.web"},
		"one that it started":                 {"web", host.Start, "file.motd", ""},
		"one of which only the name is known": {"web", "", "file.motd", "service.web"},
		"by a command":                        {"check", host.Restart, "file.motd service.web:restart of web.service", "exec.check"},
	} {
		t.Run(name, func(t *testing.T) {
			n := changed(t, true)
			ctx := t.Context()
			run, _, err := n.state.Begin("2", n.host.Token(), "", journal.Manifest{}, started)
			if err != nil {
				t.Fatal(err)
			}
			step := func(a resources.Address, owes string, do func(h host.Host) error) {
				t.Helper()
				targets := slices.DeleteFunc([]resources.Address{check, web}, func(target resources.Address) bool { return target.Title != owes })
				n.step(t, run, a, targets, nil, do)
				if err := run.Settled(ctx, a); err != nil {
					t.Fatal(err)
				}
			}
			step(motd, tt.owes, func(h host.Host) error {
				return h.WriteFile(ctx, "/motd", host.NewFile{Content: strings.NewReader("newer")})
			})
			step(check, "web", func(host.Host) error { return nil })
			step(web, "", func(host.Host) error {
				return run.Op(ctx, web, n.host, host.Op{Kind: host.OpUnit, Name: "web.service", Verb: tt.verb})
			})
			if err := run.Close(); err != nil {
				t.Fatal(err)
			}
			u, err := PlanOf(ctx, n.state, n.host, n.types(), "2")
			if err != nil {
				t.Fatal(err)
			}
			var steps []string
			for _, s := range u.Steps {
				if steps = append(steps, s.Addr.String()); s.Refreshes() {
					steps[len(steps)-1] += ":" + s.What
				}
			}
			if diff := cmp.Diff(tt.steps, strings.Join(steps, " ")); diff != "" {
				t.Error(diff)
			}
			u.Steps = u.Steps[:1] // as if it died then: there are no units on this node
			rep, err := Run(ctx, n.state, n.host, u, Options{ID: "3", Interrupted: never})
			if err != nil {
				t.Fatal(err)
			}
			var left string
			owed, err := n.state.Owed(journal.Manifest{})
			for _, target := range []resources.Address{check, web} {
				if len(owed(target)) > 0 {
					left += target.String()
				}
			}
			if diff := cmp.Diff(tt.left, left); diff != "" || err != nil {
				t.Error(diff, err)
			}
			want := ""
			if tt.left != "" {
				want = "notified by what was put back, and refreshed by the next run: " + tt.left
			}
			if diff := cmp.Diff(want, strings.Join(rep.Warnings, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
