package taking

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// A step has the time of its type where that is longer: what a package manager has begun it should end.
func TestTimeout(t *testing.T) {
	tk := Taker{Types: []resources.Type{{Name: "package", Timeout: time.Hour}, {Name: "mount", Timeout: time.Minute}, {Name: "user"}}}
	got := map[string]time.Duration{"a file of a package": tk.timeout(Step{Addr: resources.Address{Type: "package"}, File: &File{}})}
	for _, typ := range []string{"package", "mount", "user", "unknown"} {
		got[typ] = tk.timeout(Step{Addr: resources.Address{Type: typ}})
	}
	want := map[string]time.Duration{"a file of a package": timeout, "package": time.Hour, "mount": timeout, "user": timeout, "unknown": timeout}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A unit is refreshed as it stands by then, and then nothing is owed to its service.
func TestRefresh(t *testing.T) {
	web := resources.Address{Type: "service", Title: "web"}
	motd := resources.Address{Type: "file", Title: "motd"}
	for name, tt := range map[string]struct {
		unit    host.Unit
		verb    host.Verb
		want    []string
		outcome report.Outcome
		owed    bool
	}{
		"one that runs":                 {host.Unit{ActiveState: "active"}, host.Reload, []string{"systemctl reload web.service"}, report.Refreshed, false},
		"one that failed":               {host.Unit{ActiveState: "failed"}, host.Reload, []string{"systemctl restart web.service"}, report.Refreshed, false},
		"one that was stopped":          {host.Unit{ActiveState: "inactive"}, host.Restart, nil, report.Unchanged, true},
		"one whose file is another now": {host.Unit{ActiveState: "active", NeedDaemonReload: true}, host.Restart, []string{"systemctl daemon-reload", "systemctl restart web.service"}, report.Refreshed, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "")
			tt.unit.Name = "web.service"
			h.AddUnits(hosttest.Unit{Unit: tt.unit})
			state, err := journal.OpenState(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			run, _, err := state.Begin("2", h.Token(), "1", journal.Manifest{}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = run.Close() })
			if err := run.Begin(t.Context(), motd, resources.Diff{}, []resources.Address{web}, nil); err != nil {
				t.Fatal(err)
			}
			tk := Taker{Host: h, Run: run}
			res, err := tk.Take(t.Context(), Step{Addr: web, What: "it", Unit: &Unit{Name: "web.service", Verb: tt.verb}})
			if err != nil || res.Error != nil {
				t.Fatal(err, res.Error)
			}
			if diff := cmp.Diff(tt.outcome, res.Outcome); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.want, h.Calls()); diff != "" {
				t.Error(diff)
			}
			if owed := len(run.Owing()) > 0; owed != tt.owed {
				t.Errorf("owed: %v, want %v", owed, tt.owed)
			}
		})
	}
}
