package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/visit"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// visitDeferred binds a block whose values are known now, and visits what it becomes, one after the other.
func (w *walk) visitDeferred(ctx context.Context, v int, e *catalog.Entry, slot graph.Slot) {
	st := w.fates.Of(v)
	if w.predicted == nil && !w.given(e.Deferred) {
		res := w.result(e, report.Result{Outcome: report.Pending, Certainty: report.KnownLate, Reversible: visit.LeavesTrace(e.Deferred.Blank)})
		res.Changes = w.redact.Changes(e, e.Deferred.Preview)
		st.Results, st.Changed = []*report.Result{res}, true
		return
	}
	bound, err := w.bind(ctx, v, e)
	if none, ok := errors.AsType[*catalog.NotGiven](err); ok {
		res := w.result(e, report.Result{Outcome: report.Unchanged, Certainty: report.KnownLate})
		res.Warnings = []string{"not managed in this run: " + w.redact.Text(none.Error())}
		st.Results = []*report.Result{res}
		return
	}
	if err != nil {
		res := w.failure(e, err)
		w.willNotCome(ctx, e, res, e.Addr.String())
		st.Results = []*report.Result{res}
		return
	}
	st.Bound = true
	for i, b := range bound {
		one := st.Became(b.Addr.Instance, i+1)
		w.visit(ctx, v, b, one, slot)
		one.Wide = st.Wide
		for _, res := range one.Results {
			res.Certainty = report.KnownLate
		}
		st.Results = append(st.Results, one.Results...)
		st.Changed, st.Failed = st.Changed || one.Changed, st.Failed || one.Failed
		st.ComesAfter(one)
	}
	if len(bound) == 0 {
		st.Results = []*report.Result{w.result(e, report.Result{Outcome: report.Unchanged, Certainty: report.KnownLate, Reason: "for_each is empty, or count is 0"})}
	}
}

// bind makes what a deferred entry becomes, as far as it is chosen. From then on each of these is owed what was owed to the entry.
func (w *walk) bind(ctx context.Context, v int, e *catalog.Entry) ([]*catalog.Entry, error) {
	bound, err := e.Deferred.Bind(ctx, w.late.Lookup)
	if err != nil || !e.Deferred.Repeated {
		return bound, err
	}
	into := make([]resources.Address, len(bound))
	for i, b := range bound {
		into[i] = b.Addr
	}
	if len(into) > 0 && w.predicted != nil && w.opts.Recorder != nil {
		err = w.opts.Recorder.Divided(ctx, e.Addr, into)
	}
	if err != nil {
		return nil, err
	}
	return w.selected.Among(v, bound)
}

// became is the one of the entries that the deferred one at u has become that declares the path; nil if none does. The entry is bound again for that: this
// is asked too rarely to keep what each was bound to.
func (w *walk) became(ctx context.Context, u int, path string) *catalog.Entry {
	bound, err := w.cat.Entries()[u].Deferred.Bind(ctx, w.late.Lookup)
	if err == nil {
		bound, err = w.selected.Among(u, bound)
	}
	i := slices.IndexFunc(bound, func(b *catalog.Entry) bool { return slices.Contains(catalog.Paths(b), path) })
	if err != nil || i < 0 {
		return nil
	}
	w.survey.Tell(ctx, u, bound[i])
	return bound[i]
}

// given says whether all values that a deferred entry needs are there, or never come in this run.
func (w *walk) given(d *catalog.Deferred) bool { return w.late.Given(w.cat, d.Needs, w.unselected) }
