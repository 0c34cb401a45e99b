package engine

import (
	"context"
	"slices"

	"github.com/nodeapply/apply/engine/internal/ahead"
	"github.com/nodeapply/apply/engine/internal/guard"
	"github.com/nodeapply/apply/engine/internal/visit"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// predict makes the walk of a plan.
func (r *run) predict(ctx context.Context) *walk {
	w := r.newWalk(nil)
	w.visits.Ahead = ahead.Make(ctx, len(r.cat.Entries()), r.parallel(), w.prompt, func(ctx context.Context, v int) (visit.Finding, error) {
		return w.visits.Look(ctx, r.cat.Entries()[v])
	})
	r.cat.Graph().Walk(ctx, r.parallel(), flying(), w)
	return w
}

// prompt says of an entry that it can be checked before the walk, in any order: nothing that the run does or learns changes what is found.
func (w *walk) prompt(v int) bool {
	e := w.cat.Entries()[v]
	if e.Off || e.Deferred != nil || guard.Has(e) || w.unselected(v) || w.stop.Why() != nil {
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
		if st.changed || st.refused != nil || st.failed && st.cause == int32(v)+1 || slices.ContainsFunc(st.results, open) {
			from = append(from, v)
		}
	}
	return w.cat.Graph().Reach(from...)
}

// open says of a predicted result that a converge has something to do, if only to say why it does not.
func open(res *report.Result) bool { return res.Outcome == report.Pending || len(res.NotifiedBy) > 0 }

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
	if from.Deferred != nil || w.states[v].diff.Spreads || opaque(w.states[v].diff) {
		return true
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

func opaque(d resources.Diff) bool {
	return slices.ContainsFunc(d.Changes, func(c resources.Change) bool { return c.Opaque })
}

// certainty says how sure the plan of a resource is.
func (w *walk) certainty(vis *visit.Visit) {
	st, res := &w.states[vis.Vertex], vis.Result
	after := func(v int32) string { return report.CertaintyAfter + w.cat.Entries()[v-1].Addr.String() }
	switch {
	case res.Certainty == report.KnownLate:
		return
	case res.Outcome == report.Pending && opaque(vis.Diff):
		res.Certainty = report.Opaque
	case res.Outcome == report.Pending && len(res.Changes) == 0 && !res.Refreshed && st.after != 0:
		res.Certainty = after(st.after)
	case st.touched != 0:
		res.Certainty = after(st.touched)
	case st.after != 0 && guard.Has(vis.Entry): // what a guard reads, nobody knows
		res.Certainty = after(st.after)
	case res.Refreshed && len(res.Changes) == 0 && len(st.notified) > 0: // what is owed since an earlier run depends on nothing of this one
		res.Certainty = report.CertaintyAfter + res.NotifiedBy[0]
	}
}

// adopt gives a visit's result the certainty of its prediction.
func (w *walk) adopt(vis *visit.Visit) {
	before := w.states[vis.Vertex].results
	if len(before) == 1 && before[0].Address == vis.Entry.Addr && before[0].Certainty != "" {
		vis.Result.Certainty = before[0].Certainty
	}
}
