package engine

import (
	"context"
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/ahead"
	"github.com/nodeapply/apply/engine/internal/certainty"
	"github.com/nodeapply/apply/engine/internal/guard"
	"github.com/nodeapply/apply/engine/internal/visit"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host/near"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// predict makes the walk of a plan.
func (r *run) predict(ctx context.Context) *walk {
	w := r.newWalk(nil)
	w.influence = certainty.New(r.cat)
	w.visits.Ahead = ahead.Make(ctx, len(r.cat.Entries()), r.parallel(), w.prompt, func() ahead.Maker[visit.Finding] {
		return &lookout{w, near.View{View: r.view}}
	})
	r.cat.Graph().Walk(ctx, r.parallel(), flying(), w)
	return w
}

// lookout looks at one resource after the other before the walk.
type lookout struct {
	w *walk
	near.View
}

// Make implements [ahead.Maker].
func (l *lookout) Make(ctx context.Context, v int) (visit.Finding, error) {
	return visit.Look(ctx, &l.View, l.w.cat.Entries()[v])
}

// prompt says of an entry that it can be checked before the walk, in any order: nothing that the run does or learns changes what is found.
func (w *walk) prompt(v int) bool {
	e := w.cat.Entries()[v]
	if e.Off || w.unselected(v) || w.stop.Why() != nil {
		return false
	}
	r, ok := looks(e)
	return ok && r.Prompt()
}

// looks says of an entry that all of its examination is to look at files: nothing else tells whether it is wanted.
func looks(e *catalog.Entry) (r resources.Prompt, ok bool) {
	if e.Deferred != nil || guard.Has(e) {
		return nil, false
	}
	_, conditional := e.Resource.(resources.Conditional)
	r, ok = e.Resource.(resources.Prompt)
	return r, ok && !conditional
}

// foreseen is what a prediction found of the first resource that it saw to differ.
type foreseen struct {
	vertex  int
	finding visit.Finding
}

// foresee keeps what was found of a resource that looks only at files, if it is the first that differs: until the run changes something the same would be
// found again. Of all that differ together it would be too much to keep.
func (w *walk) foresee(vis *visit.Visit) {
	_, ok := looks(w.cat.Entries()[vis.Vertex])
	late := len(w.cat.Beside(vis.Vertex)) > 0
	if !ok || late || vis.Result.Outcome != report.Pending || vis.Result.Reason != "" || vis.Diff.Empty() {
		return
	}
	if w.first.Load() == nil {
		w.first.CompareAndSwap(nil, &foreseen{vis.Vertex, visit.Finding{Wanted: true, Diff: vis.Diff}})
	}
}

// stillForeseen is what is kept of a resource that nothing is visited before. Without a recorder nobody knows when a run begins to change something.
func (w *walk) stillForeseen(visited []bool) *foreseen {
	f := w.first.Load()
	if f == nil || w.opts.Recorder == nil {
		return nil
	}
	for v, visited := range visited {
		if visited && slices.ContainsFunc(w.cat.Graph().Succ(v), func(e graph.Edge) bool { return e.To == f.vertex }) {
			return nil
		}
	}
	return f
}

// approve asks about each result, and keeps which are refused: of a block of which the instances are known, one of these.
func (w *walk) approve() {
	if w.opts.Approve == nil {
		return
	}
	w.refused = map[resources.Address]error{}
	for _, res := range w.fates.Results() {
		if err := w.opts.Approve(res); err != nil {
			w.refused[res.Address] = err
		}
	}
}

// toVisit marks the vertices that a converge has to look at: what is to change, what could not be predicted, and all that comes after these.
func (w *walk) toVisit() []bool {
	var from []int
	for v := range w.cat.Entries() {
		st := w.fates.Of(v)
		if w.unselected(v) || st.Stuck {
			continue
		}
		if st.Changed || st.Failed && st.Cause == int32(v)+1 || slices.ContainsFunc(st.Results, w.open) {
			from = append(from, v)
		}
	}
	return w.cat.Graph().Reach(from...)
}

// open says of a predicted result that a converge has something to do, if only to say why it does not.
func (w *walk) open(res *report.Result) bool {
	return res.Outcome == report.Pending || len(res.NotifiedBy) > 0 || w.refused[res.Address] != nil
}
