// Package record tells a recorder what is done with one resource, each change before it is made.
package record

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/fate"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/recording"
	"github.com/nodeapply/apply/resources"
)

// Recorder is told before each change. It is the part of engine.Recorder that is about one resource; the methods are described there.
type Recorder interface {
	Begin(ctx context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error
	Op(ctx context.Context, a resources.Address, v host.View, op host.Op) error
	Settled(ctx context.Context, target resources.Address) error
	Ended(ctx context.Context, a resources.Address, v host.View, spared ...resources.Address) error
}

// Record is what a recorder is told of one resource.
type Record struct {
	To      Recorder // nil: nobody is told
	Catalog *catalog.Catalog
	Vertex  int
	Entry   *catalog.Entry // at the vertex, or what it became
	View    host.View
	Stop    *stop.Stopper // is told how recording goes
}

// Begin records that the resource is about to be changed by d, or refreshed: d is then empty, unless nothing takes the refresh back.
func (r Record) Begin(ctx context.Context, d resources.Diff) error {
	if r.To == nil {
		return nil
	}
	var before json.RawMessage
	if res, ok := r.Entry.Resource.(resources.Restorer); ok && !d.Empty() {
		var err error
		if before, err = res.Before(ctx, r.View, d); err != nil {
			return err
		}
	}
	err := r.To.Begin(ctx, r.Entry.Addr, d, fate.Owes(r.Catalog, r.Vertex, r.Entry.Addr), before)
	if _, beyond := r.Entry.Resource.(resources.Skipper); beyond && err == nil {
		// It does not go through the host, which would tell of it.
		err = r.To.Op(ctx, r.Entry.Addr, r.View, host.Op{Kind: host.OpPublish, Name: r.Entry.Addr.Title})
	}
	r.Stop.Recorded(err)
	return err
}

// Host is h with each change recorded. Where may is given, nothing is changed once nothing new may start, unless it has begun before.
func (r Record) Host(h host.Host, may *stop.Stopper) host.Host {
	if r.To == nil {
		return h
	}
	return recording.Of(h, &ops{to: r.To, a: r.Entry.Addr, may: may})
}

// Settled strikes out what was owed to the resource.
func (r Record) Settled(ctx context.Context) error {
	if r.To == nil {
		return nil
	}
	return r.To.Settled(ctx, r.Entry.Addr)
}

// Ended records how the resource is left. One that failed owes a refresh only for what it may have changed all the same.
func (r Record) Ended(ctx context.Context, failed bool) error {
	switch {
	case r.To == nil:
		return nil
	case !failed:
		return r.To.Ended(ctx, r.Entry.Addr, r.View)
	}
	return r.To.Ended(ctx, r.Entry.Addr, r.View, fate.Owes(r.Catalog, r.Vertex, r.Entry.Addr)...)
}

// ops is a recording.Recorder.
type ops struct {
	to    Recorder
	a     resources.Address
	may   *stop.Stopper
	begun atomic.Bool
}

// Before records a change. While the first one was recorded others may have had the slot, and one of them may have failed.
func (o *ops) Before(ctx context.Context, v host.View, op host.Op) error {
	err := o.to.Op(ctx, o.a, v, op)
	if err != nil || o.may == nil || o.begun.Swap(true) {
		return err
	}
	return o.may.Err()
}
