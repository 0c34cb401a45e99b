// Package fidelity says how a run came out with how it was predicted.
package fidelity

import "github.com/nodeapply/apply/report"

// Compare counts the results of one entry that came as was predicted of it, and lists the others. A block that became several in the run may have been
// predicted as one.
func Compare(predicted, results []*report.Result) (asPlanned int, surprises []report.Surprise) {
	for i, res := range results {
		planned := report.Unchanged
		switch {
		case i < len(predicted) && predicted[i].Address == res.Address:
			planned = predicted[i].Outcome
		case len(predicted) > 0: // a block of which no more was known
			planned = predicted[0].Outcome
		}
		if came(planned, res) {
			asPlanned++
		} else {
			surprises = append(surprises, report.Surprise{Address: res.Address, Planned: planned, Outcome: res.Outcome})
		}
	}
	return asPlanned, surprises
}

func came(planned report.Outcome, res *report.Result) bool {
	if planned != report.Pending {
		return res.Outcome == planned
	}
	switch res.Outcome {
	case report.Changed, report.Refreshed, report.Pending:
		return true
	}
	return res.Outcome == report.Unchanged && res.Certainty == report.KnownLate
}
