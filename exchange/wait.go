package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/exchange/view"
)

// Values are what a wait gives to the manifest.
type Values struct {
	Nodes  map[string]map[string]json.RawMessage // name to that node's exported facts
	Others map[string]map[string]json.RawMessage // the same without this node
	Names  []string                              // sorted
	First  string                                // of Names; "" when there are none
	Count  int
	Value  json.RawMessage // of a parameter
}

// WaitError is a wait that has failed.
type WaitError struct {
	Wait    string
	Verdict verdict.Verdict
	Cycle   verdict.Cycle // nodes that wait for each other, if that is why
	Err     error         // the context's cause, if that is why
}

// Error says why, and names nodes and facts.
func (e *WaitError) Error() string {
	switch {
	case e.Cycle != nil:
		return fmt.Sprintf("wait.%s: %s", e.Wait, e.CycleText())
	case e.Err != nil:
		return fmt.Sprintf("wait.%s: %s: %v", e.Wait, e.Verdict, e.Err)
	}
	return fmt.Sprintf("wait.%s: can never be met: %s", e.Wait, e.Verdict)
}

// Unwrap returns Err.
func (e *WaitError) Unwrap() error { return e.Err }

// CycleText says which nodes wait for each other, if that is why: one of them finds it first, and the others hear of it from that one. Else it is "".
func (e *WaitError) CycleText() string {
	if e.Cycle != nil {
		return verdict.EachOther + e.Cycle.String()
	}
	for _, m := range e.Verdict.Missing {
		if i := strings.Index(m.Why, verdict.EachOther); i >= 0 && m.Final {
			return m.Why[i:]
		}
	}
	return ""
}

// Wait waits until a wait of the run is met, or can never be. progress, which may be nil, is told how it stands, at first and
// whenever that has changed. The context carries the wait's timeout.
func (r *Run) Wait(ctx context.Context, w record.Wait, progress func(verdict.Verdict)) (Values, error) {
	if err := w.Check(); err != nil {
		return Values{}, fmt.Errorf("wait.%s: %w", w.Name, err)
	}
	if err := r.reachable(w); err != nil {
		return Values{}, fmt.Errorf("wait.%s: %w", w.Name, err)
	}
	ctx, stop := r.within(ctx)
	defer stop()
	r.active(w, true)
	values, err := r.wait(ctx, w, progress)
	if err == nil {
		r.active(w, false)
	}
	return values, err
}

// reachable refuses to wait for other nodes where there is no exchange.
func (r *Run) reachable(w record.Wait) error {
	others := slices.ContainsFunc(w.Nodes, func(n string) bool { return n != r.id.Node })
	if r.x.local && (others || w.Min > 1 || strings.HasPrefix(w.Fact, "param.")) {
		return ErrLocal
	}
	return nil
}

// active says that a wait is being waited for, or is over.
func (r *Run) active(w record.Wait, on bool) {
	r.change(func(rec *record.Run) {
		rec.Waits = slices.Clone(rec.Waits)
		i := slices.IndexFunc(rec.Waits, func(x record.Wait) bool { return x.Name == w.Name })
		switch {
		case !on && i >= 0:
			rec.Waits = slices.Delete(rec.Waits, i, i+1)
		case on && i >= 0:
			rec.Waits[i].Active = true
		case on:
			w.Active = true
			rec.Waits = append(rec.Waits, w)
		}
	})
}

func (r *Run) wait(ctx context.Context, w record.Wait, progress func(verdict.Verdict)) (values Values, err error) {
	settle := time.NewTimer(r.x.timing.settle)
	defer settle.Stop()
	cycleTimer := time.NewTimer(r.x.timing.quiet) // armed after a change: they are not looked for at each
	defer cycleTimer.Stop()
	asker, told, search, armed := verdict.Asker{Since: r.place.Since()}, "", false, true
	last, seen := verdict.Verdict{Fact: w.Fact}, int64(0)
	fail := func(cycle verdict.Cycle, err error) (Values, error) {
		return Values{}, &WaitError{Wait: w.Name, Verdict: last, Cycle: cycle, Err: err}
	}
	for {
		var cycle verdict.Cycle
		began := time.Now()
		changed, away, err := r.board.Look(func(v *view.View) {
			if v.Revision < seen { // the store was put back to an earlier state: the runs that go on tell it anew
				asker.Settled = false
				settle.Reset(r.x.timing.settle)
			}
			seen = v.Revision
			last = verdict.Decide(v, w, asker)
			if last.State == verdict.Met {
				values = ValuesOf(v, r.id.Node, w, last)
			}
			if last.State == verdict.Waiting && search {
				cycle, _ = verdict.CycleOf(v, r.id.Node, w.Name)
			}
		})
		if err != nil {
			return fail(nil, err)
		}
		if last.Away = away; progress != nil && last.String() != told {
			told = last.String()
			progress(last)
		}
		switch {
		case last.State == verdict.Met:
			return values, nil
		case last.State == verdict.Never, cycle != nil:
			return fail(cycle, nil)
		}
		// A view of many nodes takes time to judge: changes that come meanwhile are judged together.
		if err := pause(ctx, min(8*time.Since(began), r.x.timing.quiet)); err != nil {
			return fail(nil, err)
		}
		search = false
		select {
		case <-changed:
			if !armed {
				cycleTimer.Reset(r.x.timing.quiet)
				armed = true
			}
		case <-cycleTimer.C:
			search, armed = true, false
		case <-settle.C:
			if asker.Settled = away == nil; away != nil { // whoever has begun meanwhile is not seen
				settle.Reset(r.x.timing.settle)
			}
		case <-ctx.Done():
			return fail(nil, context.Cause(ctx))
		}
	}
}

// pause waits a little; one too short to be worth a timer is none.
func pause(ctx context.Context, d time.Duration) error {
	if d < time.Millisecond {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ValuesOf are what a wait that is met gives on a node.
func ValuesOf(v *view.View, node string, w record.Wait, d verdict.Verdict) Values {
	if p, ok := strings.CutPrefix(w.Fact, "param."); ok {
		value, _ := v.Param(p)
		return Values{Value: value}
	}
	out := Values{
		Nodes: map[string]map[string]json.RawMessage{}, Others: map[string]map[string]json.RawMessage{},
		Names: d.Have, Count: len(d.Have),
	}
	for _, n := range d.Have {
		out.Nodes[n] = v.Exported(n)
		if n != node {
			out.Others[n] = out.Nodes[n]
		}
	}
	if len(d.Have) > 0 {
		out.First = d.Have[0]
	}
	return out
}
