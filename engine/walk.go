package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/ahead"
	"github.com/nodeapply/apply/engine/internal/batch"
	"github.com/nodeapply/apply/engine/internal/places"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// walk is one walk over the catalog: of a plan, or of a converge with the prediction made before.
type walk struct {
	*run
	converging bool
	predicted  *walk                    // the prediction, in a converge
	visit      []bool                   // in a converge: which vertices to visit, the others keep their predicted result
	ahead      *ahead.Attempts[finding] // in a prediction
	states     []state
	groups     batch.Batches[*catalog.Entry, resources.Member]
	limits     places.Places
	trouble    trouble // of places that could not be given back
	emit       sync.Mutex
}

// state is what a walk knows of one vertex. The visit writes it while it is under way; before and after, the walk's owner does.
type state struct {
	results  []*report.Result
	changed  bool   // or refreshed, or would be: notifies go out
	failed   bool   // or skipped
	cause    int32  // the lowest failed vertex before it, as index+1
	root     string // the address of the resource that failed
	notified []int32
	after    int32 // the nearest vertex before this one that would change, as index+1
	touched  int32 // the nearest one whose change may be seen by this one's check, as index+1
	diff     resources.Diff
	stuck    bool  // an abandoned attempt still uses the resource
	refused  error // of a prediction that was not approved
}

// newWalk makes a walk that predicts, or one that converges on from a prediction.
func (r *run) newWalk(predicted *walk) *walk {
	w := &walk{run: r, predicted: predicted, converging: predicted != nil, states: make([]state, r.cat.Graph().Len())}
	if predicted != nil {
		w.visit = predicted.toVisit()
		w.forget()
	}
	return w
}

// forget lets go of what was predicted of resources that are looked at again: their contents alone may be most of what a run holds.
func (w *walk) forget() {
	for v, again := range w.visit {
		if before := &w.predicted.states[v]; again && !before.stuck {
			for _, res := range before.results {
				res.Changes = nil
			}
		}
	}
}

// Ready is part of graph.Visitor.
func (w *walk) Ready(v int) {
	if v < len(w.cat.Entries()) && w.runs(v) && len(w.cat.Sections(v)) == 0 { // who waits for a limit is not waited for
		w.expect(w.cat.Entries()[v])
	}
}

// Brief is part of graph.Visitor: of what is kept, left out or looked at before nothing is asked of the node.
func (w *walk) Brief(v int) bool {
	if v >= len(w.cat.Entries()) || w.unselected(v) || w.kept(v) != nil {
		return !w.converging || len(w.cat.Sections(v)) == 0 // a place that is left behind them is given back
	}
	if _, refreshes := w.cat.Entries()[v].Resource.(resources.Refresher); refreshes {
		return false
	}
	_, made := w.ahead.Made(v)
	return made
}

// runs says whether this walk looks at v at all.
func (w *walk) runs(v int) bool {
	return !w.unselected(v) && w.kept(v) == nil && w.states[v].cause == 0
}

// Done is part of graph.Visitor: it hands on what the vertex means for those after it.
func (w *walk) Done(v int) {
	st := &w.states[v]
	barrier := v >= len(w.cat.Entries())
	for _, e := range w.cat.Graph().Succ(v) {
		next := &w.states[e.To]
		if st.failed && (next.cause == 0 || st.cause < next.cause) {
			next.cause, next.root = st.cause, st.root
		}
		if e.Notify && st.changed {
			if barrier {
				next.notified = append(next.notified, st.notified...)
			} else {
				next.notified = append(next.notified, int32(v))
			}
		}
		w.influence(v, e.To)
	}
	st.diff = resources.Diff{} // the results have what is told of it
	if barrier {
		return
	}
	w.ahead.Forget(v)
	w.groups.Ended(w.cat.Entries()[v].Addr.Type, w.cat.Entries()[v])
	w.announce(st.results)
}

// announce tells the printers of results; of those that are only a prediction, that they were looked at.
func (w *walk) announce(results []*report.Result) {
	if w.opts.Events == nil {
		return
	}
	w.emit.Lock()
	defer w.emit.Unlock()
	for _, res := range results {
		if w.host != nil && !w.converging {
			w.opts.Events.Running(res.Address, "")
			continue
		}
		w.opts.Events.Ended(res)
	}
}

func (w *walk) running(a resources.Address, what string) {
	if w.opts.Events == nil {
		return
	}
	w.emit.Lock()
	defer w.emit.Unlock()
	w.opts.Events.Running(a, what)
}

// Visit is part of graph.Visitor.
func (w *walk) Visit(ctx context.Context, v int, slot graph.Slot) {
	if w.converging {
		defer w.leave(ctx, v, slot)
	}
	st := &w.states[v]
	if v >= len(w.cat.Entries()) {
		st.failed, st.changed = st.cause != 0, len(st.notified) > 0
		return
	}
	if w.unselected(v) {
		return
	}
	e := w.cat.Entries()[v]
	if before := w.kept(v); before != nil {
		st.results, st.failed, st.changed = before.results, before.failed, before.changed
		st.cause, st.root = before.cause, before.root
		return
	}
	start := time.Now()
	reason, because := w.stop.stopped()
	switch {
	case st.cause != 0 && (st.root != "" || reason == ""):
		w.skip(ctx, st, e, report.Result{Because: st.root})
	case reason != "":
		st.failed, st.cause, st.root = true, int32(v)+1, because
		st.results = []*report.Result{w.result(e, report.Result{Outcome: report.Skipped, Because: because, Reason: reason})}
	case w.converging && w.predicted.states[v].refused != nil:
		res := w.result(e, report.Result{Outcome: report.Failed})
		res.Error = w.describe(e, w.predicted.states[v].refused)
		st.results = []*report.Result{res}
	case e.Off:
		st.results = []*report.Result{w.result(e, report.Result{Outcome: report.Unchanged, Reason: "when is false"})}
	case e.Deferred != nil:
		w.visitDeferred(ctx, v, e, slot)
	default:
		vis := w.newVisit(v, e, slot)
		st.results = []*report.Result{vis.settle(ctx)}
		st.changed, st.diff, st.stuck = vis.changed, vis.diff, vis.stuck
	}
	w.close(v, start)
}

// kept returns the predicted state of a vertex that a converge need not look at again, or cannot because an abandoned attempt still uses it.
func (w *walk) kept(v int) *state {
	if w.predicted == nil {
		return nil
	}
	before := &w.predicted.states[v]
	if w.visit[v] && !before.stuck {
		return nil
	}
	return before
}

// idle says whether a converge looks at nothing again.
func (w *walk) idle() bool {
	return !slices.Contains(w.visit, true)
}

// adoptAll takes over all of the prediction, without the goroutines of a walk.
func (w *walk) adoptAll(ctx context.Context) {
	for _, v := range w.cat.Graph().Order() {
		w.Visit(ctx, v, graph.Slot{})
		w.Done(v)
	}
}

// close fills in what all results of a vertex have in common.
func (w *walk) close(v int, start time.Time) {
	st := &w.states[v]
	for _, res := range st.results {
		if res.StartMS == 0 {
			res.StartMS = millis(start.Sub(w.started))
			res.DurationMS = millis(time.Since(start))
		}
		if res.Outcome == report.Failed && !st.failed {
			st.failed, st.cause, st.root = true, int32(v)+1, res.Address.String()
			if w.opts.FailFast && w.converging {
				w.stop.failed(res.Address.String())
			}
		}
	}
}

// skip records that something before e failed. A resource that stood for something to others (an exported fact) is told.
func (w *walk) skip(ctx context.Context, st *state, e *catalog.Entry, res report.Result) {
	st.failed = true
	res.Outcome = report.Skipped
	w.willNotCome(ctx, e, &res)
	st.results = []*report.Result{w.result(e, res)}
}

// willNotCome tells a resource that stands for something to others that it is not going to be changed in this run, because of another.
func (w *walk) willNotCome(ctx context.Context, e *catalog.Entry, res *report.Result) {
	r := e.Resource
	if e.Deferred != nil {
		r = e.Deferred.Blank
	}
	if s, ok := r.(resources.Skipper); ok && w.converging {
		if err := s.Skip(ctx, w.host, res.Because); err != nil {
			res.Warnings = append(res.Warnings, w.opts.Scrub(err.Error()))
		}
	}
}

// result fills in what names the resource.
func (w *walk) result(e *catalog.Entry, res report.Result) *report.Result {
	res.Address, res.Type, res.Title, res.Pos = e.Addr, e.Addr.Type, e.Addr.Title, e.Pos.String()
	res.Noop = e.Noop
	return &res
}

// newVisit prepares the visit of one entry at vertex v.
func (w *walk) newVisit(v int, e *catalog.Entry, slot graph.Slot) *visit {
	vis := &visit{walk: w, v: v, e: e, slot: slot, res: w.result(e, report.Result{Certainty: report.Exact, Reversible: true})}
	st := &w.states[v]
	slices.Sort(st.notified) // as declared, whatever ended first; one may come by several relations
	for _, n := range slices.Compact(st.notified) {
		vis.notifiers = append(vis.notifiers, w.cat.Entries()[n].Addr)
	}
	if w.opts.Owed != nil {
		for _, a := range w.opts.Owed(e.Addr) {
			if !slices.Contains(vis.notifiers, a) {
				vis.notifiers = append(vis.notifiers, a)
			}
		}
	}
	for _, a := range vis.notifiers {
		vis.res.NotifiedBy = append(vis.res.NotifiedBy, a.String())
	}
	return vis
}

// mask turns changes into printable ones: values that the manifest marks sensitive are replaced.
func (w *walk) mask(e *catalog.Entry, changes []resources.Change) []report.Change {
	const hidden = "(sensitive value)"
	out := make([]report.Change, len(changes))
	for i, c := range changes {
		out[i] = report.Change{Attribute: c.Attr, Before: w.opts.Scrub(c.From), After: w.opts.Scrub(c.To), Diff: w.opts.Scrub(c.Text)}
		for _, s := range e.Sensitive {
			if s == c.Attr {
				out[i] = report.Change{Attribute: c.Attr, Before: hidden, After: hidden}
			}
		}
	}
	return out
}

// describe turns an error into what a report says.
func (w *walk) describe(e *catalog.Entry, err error, tried ...resources.Change) *report.Error {
	out := &report.Error{Summary: w.opts.Scrub(err.Error()), Pos: place(e, err, tried).Range()}
	var d interface{ Detail() string }
	if errors.As(err, &d) {
		out.Detail = w.opts.ScrubOutput(d.Detail())
	}
	return out
}

// place is the one that the error names, by itself or as an attribute; else that of the first declared one that was tried, else of the block.
func place(e *catalog.Entry, err error, tried []resources.Change) resources.Pos {
	var placed interface{ Position() resources.Pos }
	if errors.As(err, &placed) {
		return placed.Position()
	}
	if e.AttrPos == nil {
		return e.Pos
	}
	var attr interface{ Attribute() string }
	if errors.As(err, &attr) {
		return e.AttrPos(attr.Attribute())
	}
	for _, c := range tried {
		if pos := e.AttrPos(c.Attr); pos != e.Pos {
			return pos
		}
	}
	return e.Pos
}

// recorded returns the host through which a is changed: the recorder is told of each change. Where stop is given, nothing is changed once nothing new
// may start, unless it has begun before.
func (w *walk) recorded(a resources.Address, stop *stopper) host.Host {
	if w.opts.Recorder == nil {
		return w.host
	}
	return host.Recording(w.host, &opRecorder{r: w.opts.Recorder, a: a, stop: stop})
}

type opRecorder struct {
	r     Recorder
	a     resources.Address
	stop  *stopper
	begun atomic.Bool
}

// Before records a change. While the first one was recorded others may have had the slot, and one of them may have failed.
func (o *opRecorder) Before(ctx context.Context, v host.View, op host.Op) error {
	err := o.r.Op(ctx, o.a, v, op)
	if err != nil || o.stop == nil || o.begun.Swap(true) {
		return err
	}
	return o.stop.err()
}
