package engine

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/certainty"
	"github.com/nodeapply/apply/engine/internal/fate"
	"github.com/nodeapply/apply/engine/internal/prediction"
	"github.com/nodeapply/apply/engine/internal/survey"
	"github.com/nodeapply/apply/engine/internal/visit"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// walk is one walk over the catalog: of a plan, or of a converge with the prediction made before.
type walk struct {
	*run
	predicted *prediction.Prediction // in a converge; nil while one is made
	visits    visit.Walk
	influence *certainty.Influence             // in a prediction
	first     atomic.Pointer[prediction.First] // in a prediction
	fates     *fate.Fates
	survey    survey.Survey
}

// newWalk makes a walk that predicts, or one that converges on from a prediction.
func (r *run) newWalk(predicted *prediction.Prediction) *walk {
	w := &walk{run: r, predicted: predicted, fates: fate.New(r.cat)}
	w.visits = visit.Walk{
		Catalog: r.cat, View: r.view, Recorder: r.opts.Recorder, Drifted: r.opts.Drifted, Running: r.events.Running, Redact: r.redact, Log: r.opts.Log,
		Timeout: attemptFor, Strict: r.opts.Strict, Stop: &r.stop, Hands: r.hands,
	}
	w.survey = survey.Survey{Catalog: r.cat, Predicting: predicted == nil, Late: r.late.Lookup, Given: w.given}
	if predicted != nil {
		w.visits.Host, w.visits.Under = r.host, w.under
	}
	return w
}

// Ready is part of graph.Visitor.
func (w *walk) Ready(v int) {
	if v < len(w.cat.Entries()) && !w.unselected(v) && w.kept(v) == nil && w.fates.Of(v).Cause == 0 {
		w.visits.Expect(v, w.cat.Entries()[v])
	}
}

// Brief is part of graph.Visitor: of what is kept, left out or looked at before nothing is asked of the node.
func (w *walk) Brief(v int) bool {
	if v >= len(w.cat.Entries()) || w.unselected(v) || w.kept(v) != nil {
		return w.predicted == nil || len(w.cat.Sections(v)) == 0 // a place that is left behind them is given back
	}
	if _, refreshes := w.cat.Entries()[v].Resource.(resources.Refresher); refreshes {
		return false
	}
	_, made := w.visits.Ahead.Made(v)
	return made
}

// Visit is part of graph.Visitor.
func (w *walk) Visit(ctx context.Context, v int, slot graph.Slot) {
	if w.predicted != nil {
		defer w.visits.Leave(ctx, v, slot)
		if w.opts.FailFast || w.opts.Parallel == 1 {
			ctx = waiting.Keeping(ctx) // while this one's change is recorded the next would start, and perhaps come before it
		}
	}
	st := w.fates.Of(v)
	if v >= len(w.cat.Entries()) {
		w.fates.Barrier(v)
		return
	}
	if w.unselected(v) {
		return
	}
	if before := w.kept(v); before != nil {
		*st = *before
		return
	}
	w.visit(ctx, v, w.cat.Entries()[v], st, slot)
}

// visit visits an entry at v, and writes its fate there.
func (w *walk) visit(ctx context.Context, v int, e *catalog.Entry, st *fate.Fate, slot graph.Slot) {
	start, starved, why := time.Now(), slot.Starved(), w.stop.Why()
	switch {
	case st.Cause != 0 && (st.Root != "" || why == nil):
		w.skip(ctx, st, e)
	case why != nil:
		st.Failed, st.Cause, st.Root = true, int32(v)+1, why.Because
		st.Results = []*report.Result{w.result(e, report.Result{Outcome: report.Skipped, Because: why.Because, Reason: why.Reason})}
	case w.predicted != nil && w.predicted.Refused(e.Addr) != nil:
		st.Results = []*report.Result{w.failure(e, w.predicted.Refused(e.Addr))}
	case e.Off:
		st.Results = []*report.Result{w.result(e, report.Result{Outcome: report.Unchanged, Reason: "when is false"})}
	case e.Deferred != nil:
		st.Wide = true
		w.visitDeferred(ctx, v, e, slot)
	default:
		vis := w.settle(ctx, v, e, st, slot)
		st.Results = []*report.Result{vis.Result}
		st.Changed, st.Wide, st.Stuck = vis.Changed, certainty.Wide(vis.Diff), vis.Stuck
	}
	w.close(v, st, start.Add(slot.Starved()-starved))
}

// settle visits e, which is the entry at v or, where that was deferred, one of those that it has become. What is known of these is known late.
func (w *walk) settle(ctx context.Context, v int, e *catalog.Entry, st *fate.Fate, slot graph.Slot) *visit.Visit {
	w.survey.Tell(ctx, v, e)
	res := w.result(e, report.Result{Certainty: report.Exact, Reversible: true})
	by := w.notifiers(st, e)
	res.NotifiedBy = by.Texts
	vis := &visit.Visit{Walk: &w.visits, Vertex: v, Entry: e, Slot: slot, Notifiers: by.Addrs, Result: res}
	if w.predicted == nil {
		vis.After = w.influence.After(v)
	} else {
		vis.Foreseen = w.predicted.Foreseen(v)
	}
	vis.Settle(ctx)
	if w.predicted == nil {
		w.foresee(vis)
	}
	if made, ok := w.visits.Ahead.Made(v); ok {
		w.timed(res, made.Start, made.Took)
	}
	switch {
	case w.cat.Entries()[v].Deferred != nil, w.predicted == nil && slices.ContainsFunc(vis.Diff.Changes, func(c resources.Change) bool { return c.Late }):
		res.Certainty = report.KnownLate
	case w.predicted == nil:
		res.Certainty = w.influence.Of(v, res, vis.Diff, len(st.Notified) > 0)
	default:
		for _, before := range w.predicted.Of(v).Results {
			res.Certainty = cmp.Or(before.Certainty, res.Certainty)
			res.Drift = res.Drift && before.Drift // else it differs by what this run has done
		}
	}
	w.late.Visited(e, res.Outcome, w.predicted == nil)
	return vis
}

// under is the entry before v that has made what is at a path in this run; nil if there is none.
func (w *walk) under(ctx context.Context, v int, path string) *catalog.Entry {
	if u, ok := w.cat.Owner(resources.Identity{Kind: "path", Name: path}); ok {
		if e := w.cat.Entries()[u]; w.made(u, v) && !e.Off && !e.Noop {
			return e
		}
		return nil
	}
	for u, e := range w.cat.Entries() {
		if e.Deferred == nil || !w.made(u, v) || !w.fates.Of(u).Bound {
			continue
		}
		if e := w.became(ctx, u, path); e != nil && !e.Off && !e.Noop {
			return e
		}
	}
	return nil
}

// made says whether u comes right before v and was left as declared.
func (w *walk) made(u, v int) bool {
	if w.unselected(u) || !slices.ContainsFunc(w.cat.Graph().Succ(u), func(to graph.Edge) bool { return to.To == v }) {
		return false // its visit may not be over
	}
	st := w.fates.Of(u)
	return !st.Failed && !st.Stuck
}

// notifiers lists what changed and notifies an entry, as declared, whatever ended first; then what did so in earlier runs, undelivered.
func (w *walk) notifiers(st *fate.Fate, e *catalog.Entry) fate.Notifiers {
	out := w.fates.Notifiers(st.Notified)
	for _, a := range w.debts.To(e.Addr) {
		if !slices.Contains(out.Addrs, a) {
			out.Addrs, out.Texts = append(out.Addrs, a), append(out.Texts, a.String())
		}
	}
	return out
}

// kept returns the predicted state of a vertex that a converge does not look at again.
func (w *walk) kept(v int) *fate.Fate {
	if w.predicted == nil {
		return nil
	}
	return w.predicted.Kept(v)
}

// close fills in what all results of a vertex have in common. Start is when the visit began, later by the time that it had no slot: what others took then is
// no part of what it took.
func (w *walk) close(v int, st *fate.Fate, start time.Time) {
	for _, res := range st.Results {
		if res.StartMS == 0 {
			w.timed(res, start, time.Since(start))
		}
		if res.Outcome == report.Failed && !st.Failed {
			st.Failed, st.Cause, st.Root = true, int32(v)+1, res.Address.String()
			if w.opts.FailFast && w.predicted != nil {
				w.stop.Failed(st.Root)
			}
		}
	}
}

// Done is part of graph.Visitor: it hands on what the vertex means for those after it.
func (w *walk) Done(v int) {
	for _, e := range w.cat.Graph().Succ(v) {
		from := w.fates.Pass(v, e)
		if w.influence != nil {
			w.influence.Pass(v, e.To, from.Changed, from.Wide)
		}
	}
	if v >= len(w.cat.Entries()) {
		return
	}
	w.visits.Over(v, w.cat.Entries()[v])
	w.announce(w.fates.Of(v).Results)
}

// announce tells the printers of results; of those that are only a prediction, that they were looked at.
func (w *walk) announce(results []*report.Result) {
	for _, res := range results {
		if w.host != nil && w.predicted == nil {
			w.events.Running(res.Address, "")
		} else {
			w.events.Ended(res)
		}
	}
}

func (r *run) timed(res *report.Result, start time.Time, took time.Duration) {
	res.StartMS, res.DurationMS = report.Millis(start.Sub(r.started)), report.Millis(took)
}

// skip records that something before e failed. A resource that stood for something to others (an exported fact) is told.
func (w *walk) skip(ctx context.Context, st *fate.Fate, e *catalog.Entry) {
	st.Failed = true
	res := w.result(e, report.Result{Outcome: report.Skipped, Because: st.Root})
	w.willNotCome(ctx, e, res, st.Root)
	st.Results = []*report.Result{res}
}

// willNotCome tells a resource that stands for something to others that it is not going to be changed in this run, because of another.
func (w *walk) willNotCome(ctx context.Context, e *catalog.Entry, res *report.Result, because string) {
	if d := e.Deferred; d != nil && d.Unnamed { // nobody knows what it would have stood for
		return
	}
	if s, ok := e.Known().(resources.Skipper); ok && w.predicted != nil {
		if err := s.Skip(ctx, w.host, because); err != nil {
			res.Warnings = append(res.Warnings, w.redact.Text(err.Error()))
		}
	}
}

// result fills in what names the resource.
func (w *walk) result(e *catalog.Entry, res report.Result) *report.Result {
	res.Address, res.Type, res.Title, res.Pos = e.Addr, e.Addr.Type, e.Addr.Title, e.Pos.String()
	res.Noop = e.Noop
	return &res
}

// failure is the result of what failed before it was visited.
func (w *walk) failure(e *catalog.Entry, err error) *report.Result {
	return w.result(e, report.Result{Outcome: report.Failed, Error: w.redact.Error(e, err)})
}
