package fidelity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/engine/internal/fidelity"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// results reads "a=changed b=unchanged,late".
func results(text string) (out []*report.Result) {
	for _, word := range strings.Fields(text) {
		title, outcome, _ := strings.Cut(word, "=")
		outcome, late := strings.CutSuffix(outcome, ",late")
		r := &report.Result{Address: resources.Address{Type: "t", Title: title}, Outcome: report.Outcome(outcome)}
		if late {
			r.Certainty = report.KnownLate
		}
		out = append(out, r)
	}
	return out
}

func TestCompare(t *testing.T) {
	for _, tc := range []struct{ name, predicted, came, want string }{
		{"nothing to do", "a=unchanged", "a=unchanged", "1"},
		{"something after all", "a=unchanged", "a=changed", "0 t.a unchanged changed"},
		{"a change", "a=pending", "a=changed", "1"},
		{"a refresh", "a=pending", "a=refreshed", "1"},
		{"one that only reports", "a=pending", "a=pending", "1"},
		{"none after all", "a=pending", "a=unchanged", "0 t.a pending unchanged"},
		{"none of what only the run knows", "a=pending", "a=unchanged,late", "1"},
		{"a failure", "a=pending", "a=failed", "0 t.a pending failed"},
		{"a failure that was foreseen", "a=failed", "a=failed", "1"},
		{"skipped", "a=pending", "a=skipped", "0 t.a pending skipped"},
		{"several of a block", "x=pending", "a=changed b=failed", "1 t.b pending failed"},
		{"other instances than were thought", "x=pending y=unchanged", "a=changed b=changed", "2"},
		{"of instances each", "a=pending b=unchanged", "a=changed b=changed", "1 t.b unchanged changed"},
		{"what was not predicted", "", "a=unchanged b=changed", "1 t.b unchanged changed"},
		{"none", "a=pending", "", "0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, surprises := fidelity.Compare(results(tc.predicted), results(tc.came))
			got := fmt.Sprint(n)
			for _, s := range surprises {
				got += fmt.Sprintf(" %s %s %s", s.Address, s.Planned, s.Outcome)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
