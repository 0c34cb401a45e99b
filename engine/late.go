package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/visit"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// visitDeferred binds a block whose values are known now, and visits what it becomes, one after the other.
func (w *walk) visitDeferred(ctx context.Context, v int, e *catalog.Entry, slot graph.Slot) {
	st := &w.states[v]
	if w.predicted == nil && !w.given(e.Deferred.Needs) {
		res := w.result(e, report.Result{Outcome: report.Pending, Certainty: report.KnownLate, Reversible: visit.LeavesTrace(e.Deferred.Blank)})
		res.Changes = w.redact.Changes(e, e.Deferred.Preview)
		st.results, st.changed = []*report.Result{res}, true
		return
	}
	bound, err := e.Deferred.Bind(ctx, w.late.lookup)
	var none *catalog.NotGiven
	if errors.As(err, &none) {
		res := w.result(e, report.Result{Outcome: report.Unchanged, Certainty: report.KnownLate})
		res.Warnings = []string{"not managed in this run: " + w.redact.Text(none.Error())}
		st.results = []*report.Result{res}
		return
	}
	if err != nil {
		res := w.failure(e, err)
		w.willNotCome(ctx, e, res, e.Addr.String())
		st.results = []*report.Result{res}
		return
	}
	for _, b := range bound {
		if why := w.stop.Why(); why != nil {
			st.results = append(st.results, w.stopped(b, why))
			continue
		}
		w.cat.Survey(b.Resource)
		start := time.Now()
		vis := w.settle(ctx, v, b, slot)
		w.timed(vis.Result, start, time.Since(start))
		w.failFast(vis.Result)
		st.results = append(st.results, vis.Result)
		st.changed = st.changed || vis.Changed
	}
	if len(bound) == 0 {
		st.results = []*report.Result{w.result(e, report.Result{Outcome: report.Unchanged, Certainty: report.KnownLate, Reason: "when is false, or for_each is empty"})}
	}
}

// lateValues are the values of resources that were visited.
type lateValues struct {
	mu sync.Mutex
	m  map[resources.Address]map[string]any
}

func (l *lateValues) set(a resources.Address, values map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = map[resources.Address]map[string]any{}
	}
	l.m[a] = values
}

func (l *lateValues) lookup(a resources.Address) (map[string]any, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	values, ok := l.m[a]
	return values, ok
}

// keepValues keeps the values that other blocks may use. A plan knows only those of resources that stay as they are.
func (w *walk) keepValues(e *catalog.Entry, res *report.Result) {
	r, ok := e.Resource.(resources.Valued)
	if !ok || w.predicted == nil && res.Outcome != report.Unchanged {
		return
	}
	values := r.Values()
	if values == nil {
		if w.predicted == nil {
			return
		}
		values = map[string]any{}
	}
	w.late.set(e.Addr, values)
}

// given says whether the values of all that needs names are there, or never come in this run because what would give them is not looked at.
func (w *walk) given(needs []resources.Address) bool {
	for _, need := range needs {
		for _, v := range w.cat.Find(need) {
			e := w.cat.Entries()[v]
			if _, ok := w.late.lookup(e.Addr); !ok && !e.Off && !w.unselected(v) {
				return false
			}
		}
	}
	return true
}
