package engine

import (
	"context"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/ahead"
	"github.com/nodeapply/apply/engine/internal/certainty"
	"github.com/nodeapply/apply/engine/internal/guard"
	"github.com/nodeapply/apply/engine/internal/prediction"
	"github.com/nodeapply/apply/engine/internal/visit"
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

// foresee keeps what was found of a resource that looks only at files, if it is the first that differs.
func (w *walk) foresee(vis *visit.Visit) {
	_, ok := looks(w.cat.Entries()[vis.Vertex])
	late := len(w.cat.Beside(vis.Vertex)) > 0
	if !ok || late || vis.Result.Outcome != report.Pending || vis.Result.Reason != "" || vis.Diff.Empty() {
		return
	}
	if w.first.Load() == nil {
		w.first.CompareAndSwap(nil, &prediction.First{Vertex: vis.Vertex, Finding: visit.Finding{Wanted: true, Diff: vis.Diff}})
	}
}

// prediction is what a converge goes by. Without a recorder nobody knows when it begins to change something: then nothing is foreseen.
func (w *walk) prediction() *prediction.Prediction {
	var first *prediction.First
	if w.opts.Recorder != nil {
		first = w.first.Load()
	}
	return prediction.New(w.cat, w.fates, w.unselected, w.opts.Approve, first)
}
