package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/visit"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// visitDeferred binds a block whose values are known now, and visits what it becomes, one after the other.
func (w *walk) visitDeferred(ctx context.Context, v int, e *catalog.Entry, slot graph.Slot) {
	st := w.fates.Of(v)
	if w.predicted == nil && !w.given(e.Deferred.Needs) {
		res := w.result(e, report.Result{Outcome: report.Pending, Certainty: report.KnownLate, Reversible: visit.LeavesTrace(e.Deferred.Blank)})
		res.Changes = w.redact.Changes(e, e.Deferred.Preview)
		st.Results, st.Changed = []*report.Result{res}, true
		return
	}
	bound, err := w.bind(ctx, v, e)
	var none *catalog.NotGiven
	if errors.As(err, &none) {
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
		w.cat.Survey(b.Resource)
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
	bound, err := e.Deferred.Bind(ctx, w.late.lookup)
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
	chosen := w.selected.Parts(v)
	if err != nil || chosen == nil {
		return bound, err
	}
	var missing []string
	for a := range chosen {
		if !slices.Contains(into, a) {
			missing = append(missing, a.String())
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		return nil, fmt.Errorf("there is no %s in this run", strings.Join(missing, ", no "))
	}
	return slices.DeleteFunc(bound, func(b *catalog.Entry) bool { return !chosen[b.Addr] }), nil
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
			a := e.Addr
			if e.Deferred != nil {
				a = need // which may be one of its instances
			}
			if _, ok := w.late.lookup(a); !ok && !e.Off && !w.unselected(v) {
				return false
			}
		}
	}
	return true
}
