package engine

import (
	"context"
	"slices"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/fidelity"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/scrub"
)

// begin begins the report.
func (r *run) begin(mode report.Mode) {
	n := 0
	for v := range r.cat.Entries() {
		if !r.unselected(v) {
			n++
		}
	}
	r.report = &report.Report{
		Run: r.opts.Run, Node: r.opts.Node, Mode: mode, Manifest: r.opts.Manifest, Commit: r.opts.Commit, Dirty: r.opts.Dirty,
		Started: r.started, Resources: n,
	}
	r.events.Begin(r.report)
}

// finish gathers the results of the last walk in declaration order.
func (r *run) finish(ctx context.Context, w *walk) *report.Report {
	r.report.Results, r.report.Edges = w.fates.Results(), w.fates.Edges()
	r.report.Resources = len(r.report.Results)
	for _, err := range w.visits.Troubles() {
		r.report.Warnings = append(r.report.Warnings, r.redact.Text(err.Error()))
	}
	if err := r.stop.Fatal(); err != nil {
		r.report.Aborted = r.redact.Text(err.Error())
	}
	if r.host != nil {
		for v := range r.cat.Entries() {
			n, surprises := fidelity.Compare(w.predicted.Of(v).Results, w.fates.Of(v).Results)
			r.report.AsPlanned += n
			r.report.Surprises = append(r.report.Surprises, surprises...)
		}
	}
	r.outputs(ctx)
	r.report.DurationMS = report.Millis(time.Since(r.started))
	r.events.End(r.report)
	return r.report
}

// outputs adds the outputs to the report. A plan knows the values that a run gives where that would do nothing. What is made of a command's output may repeat a secret, whatever its marks say.
func (r *run) outputs(ctx context.Context) {
	if r.opts.Outputs == nil {
		return
	}
	var late catalog.Values
	differs := func(res *report.Result) bool { return res.Outcome != report.Unchanged }
	if r.host != nil || !slices.ContainsFunc(r.report.Results, differs) {
		late = r.late.Lookup
	}
	for _, o := range r.opts.Outputs(ctx, late) {
		if !o.Plain {
			o.Value = scrub.Value(o.Value, r.redact.Text)
		}
		r.report.Outputs = append(r.report.Outputs, o)
	}
}
