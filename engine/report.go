package engine

import (
	"context"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
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
	if r.opts.Events != nil {
		r.opts.Events.Begin(r.report)
	}
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
		w.fidelity(r.report)
	}
	r.outputs(ctx)
	r.report.DurationMS = millis(time.Since(r.started))
	if r.opts.Events != nil {
		r.opts.Events.End(r.report)
	}
	return r.report
}

// outputs adds the outputs to the report. What is made of a command's output may repeat a secret, whatever its marks say.
func (r *run) outputs(ctx context.Context) {
	if r.opts.Outputs == nil {
		return
	}
	var late catalog.Values
	if r.host != nil {
		late = r.late.lookup
	}
	for _, o := range r.opts.Outputs(ctx, late) {
		if !o.Plain {
			o.Value = r.redact.Value(o.Value)
		}
		r.report.Outputs = append(r.report.Outputs, o)
	}
}

// fidelity compares how the results came with how they were predicted.
func (w *walk) fidelity(rep *report.Report) {
	for v := range w.cat.Entries() {
		was := w.predicted.fates.Of(v).Results
		for i, res := range w.fates.Of(v).Results {
			planned := report.Unchanged
			switch {
			case i < len(was) && was[i].Address == res.Address:
				planned = was[i].Outcome
			case len(was) > 0: // a block of which no more was known
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

func millis(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
