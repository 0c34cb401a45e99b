package engine

import (
	"testing"

	"github.com/nodeapply/apply/resources"
)

// What a run's own changes bring about is no drift: the node was as declared when the run began.
func TestWhatTheRunBringsIsNoDrift(t *testing.T) {
	for name, tc := range map[string]struct {
		decl string
		want bool
	}{
		"it differed before": {"a b", true},
		"it differs by a":    {"a b:there", false},
	} {
		ways(t, name, func(t *testing.T, w *world) {
			w.on = func(what string) {
				if what == "apply a" {
					w.is["b"] = false
				}
			}
			w.is = map[string]bool{}
			o := Options{Drifted: func(a resources.Address) bool { return a.Title == "b" }}
			rep := reported(t, parse(t, w, tc.decl, "a>b"), o, false)
			if b := rep.Results[1]; b.Outcome != "changed" || b.Drift != tc.want {
				t.Errorf("%s, drift: %v, want changed, %v", b.Outcome, b.Drift, tc.want)
			}
		})
	}
}
