package property

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report"
)

// outcomes maps what a report says to what a converge would report if the plan came true.
func outcomes(r *report.Report) map[string]string {
	out := map[string]string{}
	for _, res := range r.Results {
		o := res.Outcome
		switch {
		case o == report.Pending && len(res.Changes) == 0 && res.Refreshed:
			o = report.Refreshed
		case o == report.Pending:
			o = report.Changed
		}
		out[res.Address.String()] = string(o)
	}
	return out
}

// seeds is how many worlds a test tries.
const seeds = 25

// TestPlanIsWhatConvergeDoes, and a second run does nothing.
func TestPlanIsWhatConvergeDoes(t *testing.T) {
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			before := w.snapshot()
			plan, err := w.load(w.host()).Plan(t.Context(), engine.Options{Parallel: 3})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, w.snapshot()); diff != "" {
				t.Fatalf("the plan changed something: %s", diff)
			}
			rep := w.converge(nil)
			if diff := cmp.Diff(outcomes(plan), outcomes(rep)); diff != "" {
				t.Errorf("not as planned: %s", diff)
			}
			if len(rep.Surprises) > 0 {
				t.Errorf("surprises: %v", rep.Surprises)
			}
			after := w.snapshot()
			for _, res := range w.converge(nil).Results {
				if res.Outcome != report.Unchanged {
					t.Errorf("the second run: %s %s", res.Address, res.Outcome)
				}
			}
			if diff := cmp.Diff(after, w.snapshot()); diff != "" {
				t.Errorf("the second run changed something: %s", diff)
			}
		})
	}
}

// TestUndoGivesBackTheTree, all but what commands made.
func TestUndoGivesBackTheTree(t *testing.T) {
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			byCommands := []string{"loaded", "made"}
			before := w.snapshot(byCommands...)
			w.converge(nil)
			s, err := journal.OpenState(w.state)
			if err != nil {
				t.Fatal(err)
			}
			h := w.host()
			u, err := undo.PlanOf(t.Context(), s, h, nil, "001")
			if err != nil {
				t.Fatal(err)
			}
			// What commands made is in the way of removing the folder that held nothing else; it is the tree's own root here.
			for _, step := range u.Steps {
				if step.Refused != "" && step.Addr.Type != "exec" {
					t.Errorf("%s: refused: %s", step.What, step.Refused)
				}
			}
			rep, err := undo.Run(t.Context(), s, h, u, undo.Options{ID: "002", Interrupted: func() int { return 0 }})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rep.Results {
				if r.Error != nil {
					t.Errorf("%s: %s", r.Address, r.Error.Summary)
				}
			}
			if diff := cmp.Diff(before, w.snapshot(byCommands...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
