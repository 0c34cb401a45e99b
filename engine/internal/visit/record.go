package visit

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Recorder is told before each change: what of engine.Recorder, which says more, a visit needs.
type Recorder interface {
	Begin(ctx context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error
	Op(ctx context.Context, a resources.Address, v host.View, op host.Op) error
	Settled(ctx context.Context, target resources.Address) error
	Ended(ctx context.Context, a resources.Address, v host.View) error
}

// begin records the change that is about to be made, within an attempt. While it was recorded others may have had the slot, and one of them may have failed.
func (t *Visit) begin(ctx context.Context, diff resources.Diff) error {
	if err := t.record(ctx, diff); err != nil {
		return err
	}
	return t.Stop.Err()
}

// record tells the recorder what is about to happen, within an attempt.
func (t *Visit) record(ctx context.Context, diff resources.Diff) error {
	if t.Recorder == nil {
		return nil
	}
	var before json.RawMessage
	if r, ok := t.Entry.Resource.(resources.Restorer); ok && !diff.Empty() {
		var err error
		if before, err = r.Before(ctx, t.View, diff); err != nil {
			return err
		}
	}
	err := t.Recorder.Begin(ctx, t.Entry.Addr, diff, t.owes(), before)
	if _, beyond := t.Entry.Resource.(resources.Skipper); beyond && err == nil {
		// It does not go through the host, which would tell of it.
		err = t.Recorder.Op(ctx, t.Entry.Addr, t.View, host.Op{Kind: host.OpPublish, Name: t.Entry.Addr.Title})
	}
	t.Stop.Recorded(err)
	return err
}

// owes lists the resources that are notified when this one changes.
func (t *Visit) owes() []resources.Address {
	entries := t.Catalog.Entries()
	var out []resources.Address
	seen := map[int]bool{}
	var follow func(v int)
	follow = func(v int) {
		for _, e := range t.Catalog.Graph().Succ(v) {
			if !e.Notify || seen[e.To] {
				continue
			}
			seen[e.To] = true
			of, a, one := t.Catalog.Instance(e.To)
			switch {
			case e.To < len(entries):
				out = append(out, entries[e.To].Addr)
			case one && of != t.Vertex:
				out = append(out, a)
			case !one || a == t.Entry.Addr:
				follow(e.To)
			}
		}
	}
	follow(t.Vertex)
	return out
}

// changing is the host through which the resource is changed: the recorder is told of each change, and commands of the limits that they are in. Where
// stop is given, nothing is changed once nothing new may start, unless it has begun before.
func (t *Visit) changing(stop *stop.Stopper) host.Host {
	h := t.Host
	if t.Recorder != nil {
		h = host.Recording(h, &ops{to: t.Recorder, a: t.Entry.Addr, stop: stop})
	}
	if env := t.inside.Env(); len(env) > 0 {
		h = host.WithEnv(h, env...)
	}
	return h
}

// ops is a host.Recorder.
type ops struct {
	to    Recorder
	a     resources.Address
	stop  *stop.Stopper
	begun atomic.Bool
}

// Before records a change. While the first one was recorded others may have had the slot, and one of them may have failed.
func (o *ops) Before(ctx context.Context, v host.View, op host.Op) error {
	err := o.to.Op(ctx, o.a, v, op)
	if err != nil || o.stop == nil || o.begun.Swap(true) {
		return err
	}
	return o.stop.Err()
}

// settled strikes out what was owed to the resource.
func (t *Visit) settled(ctx context.Context) error {
	if t.Recorder == nil || t.predicting() || len(t.Notifiers) == 0 {
		return nil
	}
	return t.Recorder.Settled(ctx, t.Entry.Addr)
}

// ended tells the recorder how the resource is left.
func (t *Visit) ended(ctx context.Context) {
	if t.Recorder == nil || t.predicting() || t.Result.Outcome == report.Unchanged {
		return
	}
	if err := t.Recorder.Ended(ctx, t.Entry.Addr, t.View); err != nil {
		t.warn(err.Error())
	}
}
