package engine

import (
	"context"
	"slices"
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
	index := make([]int, len(w.states))
	for v := range r.cat.Entries() {
		index[v] = len(r.report.Results)
		r.report.Results = append(r.report.Results, w.states[v].results...)
	}
	r.report.Edges = w.edges(index)
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

// edges lists the relations between results, which begin for each vertex at its index; a barrier that stands for a set becomes an index beyond them.
func (w *walk) edges(index []int) []report.Edge {
	n := len(w.cat.Entries())
	at := func(v, other int) (from, to int) { // of the indices, those that other has a relation with
		if v >= n {
			v += len(w.report.Results) - n
			return v, v + 1
		}
		results := w.states[v].results
		if of, a, ok := w.cat.Instance(other); ok && of == v && w.states[v].bound {
			i := slices.IndexFunc(results, func(res *report.Result) bool { return res.Address == a })
			if i < 0 {
				return 0, 0
			}
			return index[v] + i, index[v] + i + 1
		}
		return index[v], index[v] + len(results)
	}
	g := w.cat.Graph()
	var out []report.Edge
	connect := func(from, end, to, toEnd int, notify bool) {
		for ; from < end; from++ {
			for to := to; to < toEnd; to++ {
				out = append(out, report.Edge{From: from, To: to, Notify: notify})
			}
		}
	}
	next := len(w.report.Results) + g.Len() - n
	for v := range g.Len() {
		for _, e := range g.Succ(v) {
			from, end := at(v, e.To)
			to, toEnd := at(e.To, v)
			if end-from > 1 && toEnd-to > 1 { // a barrier more, and not an edge for every pair
				connect(from, end, next, next+1, e.Notify)
				from, end, next = next, next+1, next+1
			}
			connect(from, end, to, toEnd, e.Notify)
		}
	}
	return out
}

// fidelity compares how the results came with how they were predicted.
func (w *walk) fidelity(rep *report.Report) {
	for v := range w.cat.Entries() {
		was := w.predicted.states[v].results
		for i, res := range w.states[v].results {
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
