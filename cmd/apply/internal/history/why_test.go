package history

import (
	"testing"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func TestReportsOf(t *testing.T) {
	state, err := journal.OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	motd, other := resources.Address{Type: "file", Title: "motd"}, resources.Address{Type: "file", Title: "other"}
	for _, run := range []struct {
		id, source string
		result     report.Result
	}{
		{"1", "/m", report.Result{Address: motd, Outcome: report.Changed}},
		{"2", "/m", report.Result{Address: motd, Outcome: report.Unchanged}},
		{"3", "/m", report.Result{Address: other, Outcome: report.Changed}},
		{"4", "", report.Result{Address: motd, Outcome: report.Changed}}, // an undo
		{"5", "/other", report.Result{Address: other, Outcome: report.Unchanged}},
	} {
		if err := state.SaveReport(run.id, &report.Report{Run: run.id, Source: run.source, Results: []*report.Result{&run.result}}); err != nil {
			t.Fatal(err)
		}
	}
	id := func(r *report.Report) string {
		if r == nil {
			return "none"
		}
		return r.Run
	}
	for name, test := range map[string]struct {
		state         *journal.State
		addr          resources.Address
		of            string
		last, changed string
	}{
		"changed before the last": {state, motd, "", "2", "1"},
		"changed in the last":     {state, other, "/m", "3", "3"},
		"changed by another":      {state, other, "", "5", "none"},
		"not of this manifest":    {state, motd, "/other", "none", "none"},
		"never heard of":          {state, resources.Address{Type: "file", Title: "x"}, "", "none", "none"},
		"no state folder":         {nil, motd, "", "none", "none"},
	} {
		last, changed := reportsOf(test.state, test.addr, test.of)
		if id(last) != test.last || id(changed) != test.changed {
			t.Errorf("%s: last %s, changed %s; want %s, %s", name, id(last), id(changed), test.last, test.changed)
		}
	}
}
