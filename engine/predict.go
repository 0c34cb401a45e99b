package engine

import (
	"context"
	"errors"

	"github.com/nodeapply/apply/engine/internal/ahead"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

var errUnpredicted = errors.New("not predicted in time")

// predict makes the walk of a plan.
func (r *run) predict(ctx context.Context) *walk {
	w := r.newWalk(nil)
	w.ahead = ahead.Make(ctx, len(r.cat.Entries()), r.parallel(), w.prompt, func(ctx context.Context, v int) (finding, error) {
		d, err := r.cat.Entries()[v].Resource.Check(ctx, r.view)
		return finding{wanted: true, diff: d}, err
	})
	r.cat.Graph().Walk(ctx, r.parallel(), flying(), w)
	return w
}

// prompt says of an entry that it can be checked before the walk, in any order: nothing that the run does or learns changes what is found.
func (w *walk) prompt(v int) bool {
	e := w.cat.Entries()[v]
	if e.Off || e.Deferred != nil || len(e.Unless)+len(e.OnlyIf) > 0 || w.unselected(v) {
		return false
	}
	if reason, _ := w.stop.stopped(); reason != "" {
		return false
	}
	_, conditional := e.Resource.(resources.Conditional)
	r, ok := e.Resource.(resources.Prompt)
	return ok && !conditional && r.Prompt()
}

// approve asks about each result, and keeps what is refused.
func (w *walk) approve() {
	if w.opts.Approve == nil {
		return
	}
	for v := range w.cat.Entries() {
		for _, res := range w.states[v].results {
			if err := w.opts.Approve(res); err != nil && w.states[v].refused == nil {
				w.states[v].refused = err
			}
		}
	}
}

// toVisit marks the vertices that a converge has to look at: what is to change, what could not be predicted, and all that comes after these.
func (w *walk) toVisit() []bool {
	var from []int
	for v := range w.cat.Entries() {
		st := &w.states[v]
		if w.unselected(v) || st.stuck {
			continue
		}
		if st.changed || st.refused != nil || st.failed && st.cause == int32(v)+1 {
			from = append(from, v)
		}
		for _, res := range st.results {
			if res.Outcome == report.Pending || len(res.NotifiedBy) > 0 {
				from = append(from, v)
				break
			}
		}
	}
	if len(from) == 0 {
		return make([]bool, len(w.states))
	}
	return w.cat.Graph().Reach(from...)
}

// influence hands on to a successor what v's change, or that of something before v, may mean for its check.
func (w *walk) influence(v, to int) {
	st, next := &w.states[v], &w.states[to]
	if st.changed && v < len(w.cat.Entries()) {
		next.after = int32(v) + 1
		if w.seen(v, to) {
			next.touched = int32(v) + 1
			return
		}
	} else if st.after != 0 {
		next.after = st.after
	}
	if st.touched != 0 {
		next.touched = st.touched
	}
}

// seen says whether the change of v can be seen by the check of to: a change that spreads by all, another by who requires what it provides.
func (w *walk) seen(v, to int) bool {
	entries := w.cat.Entries()
	from := entries[v]
	if from.Deferred != nil || w.states[v].diff.Spreads {
		return true
	}
	for _, c := range w.states[v].diff.Changes {
		if c.Opaque {
			return true
		}
	}
	if to >= len(entries) {
		return false
	}
	p, ok := from.Resource.(resources.Identified)
	if !ok {
		return false
	}
	r, ok := entries[to].Resource.(resources.Identified)
	if !ok {
		return false
	}
	provided := p.Provides()
	for _, need := range r.Requires() {
		for _, id := range provided {
			if id.Kind == need.Kind && (id.Name == need.Name || need.Nearest) {
				return true
			}
		}
	}
	return false
}

// certainty says how sure the plan of this resource is.
func (t *visit) certainty() {
	st := &t.states[t.v]
	switch {
	case t.e.Deferred != nil || t.res.Certainty == report.KnownLate:
		return
	case t.res.Outcome == report.Pending && t.opaque():
		t.res.Certainty = report.Opaque
	case t.res.Outcome == report.Pending && len(t.res.Changes) == 0 && !t.res.Refreshed && st.after != 0:
		t.after(st.after)
	case st.touched != 0:
		t.after(st.touched)
	case st.after != 0 && len(t.e.Unless)+len(t.e.OnlyIf) > 0: // what a guard reads, nobody knows
		t.after(st.after)
	case t.res.Refreshed && len(t.res.Changes) == 0 && len(st.notified) > 0: // what is owed since an earlier run depends on nothing of this one
		t.res.Certainty = report.CertaintyAfter + t.res.NotifiedBy[0]
	}
}

func (t *visit) after(v int32) {
	t.res.Certainty = report.CertaintyAfter + t.cat.Entries()[v-1].Addr.String()
}

func (t *visit) opaque() bool {
	for _, c := range t.diff.Changes {
		if c.Opaque {
			return true
		}
	}
	return false
}

// fidelity compares how the results came with how they were predicted.
func (w *walk) fidelity(rep *report.Report) {
	for v := range w.cat.Entries() {
		was := w.predicted.states[v].results
		for _, res := range w.states[v].results {
			planned := report.Unchanged
			if len(was) > 0 {
				planned = was[0].Outcome
			}
			if asPlanned(planned, res) {
				rep.AsPlanned++
			} else {
				rep.Surprises = append(rep.Surprises, report.Surprise{Address: res.Address, Planned: planned, Outcome: res.Outcome})
			}
		}
	}
}

func asPlanned(planned report.Outcome, res *report.Result) bool {
	switch planned {
	case report.Pending:
		late := res.Certainty == report.KnownLate && res.Outcome == report.Unchanged
		return res.Outcome == report.Changed || res.Outcome == report.Refreshed || res.Outcome == report.Pending || late
	default:
		return res.Outcome == planned
	}
}
