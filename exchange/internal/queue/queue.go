// Package queue is how nodes take turns inside a limit: places that stand in the order in which they were taken, under leases, so that none outlives whoever
// holds it.
package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/internal/board"
	"github.com/nodeapply/apply/exchange/internal/cell"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

// ErrLost says that the lease of a place has run out, so that another may have entered.
var ErrLost = errors.New("place in the limit is lost")

// Visitor is who enters.
type Visitor struct {
	Store store.Store
	Board *board.Board
	Key   name.Key        // of the limit, for the node
	Run   string          // id of the run
	Lease time.Duration   // how long a place outlives its holder
	Life  context.Context // ends, with its cause, with the run
}

// Held is a place inside a limit.
type Held struct {
	// Fence is the revision at which the place was taken; it grows with every place that anybody takes, so that what is
	// guarded can refuse one who has lost his and does not know it yet.
	Fence int64

	visitor Visitor
	place   *cell.Cell
	lease   store.LeaseID
	inside  context.Context
	lose    context.CancelCauseFunc
	wg      sync.WaitGroup
}

// Enter waits until fewer than most other nodes are inside, first come first, and enters. progress, which may be nil, is told who is inside while there
// is no place.
func Enter(ctx context.Context, v Visitor, most int, progress func(inside []view.Place)) (*Held, error) {
	if progress == nil {
		progress = func([]view.Place) {}
	}
	h, err := enter(ctx, v, most, progress)
	if err != nil {
		return nil, fmt.Errorf("limit.%s: %w", v.Key.Name, err)
	}
	return h, nil
}

func enter(ctx context.Context, v Visitor, most int, progress func([]view.Place)) (*Held, error) {
	if err := name.Limit(v.Key.Name); err != nil {
		return nil, err
	}
	b, err := record.Encode(v.Key, &record.Limit{Run: v.Run, Max: most})
	if err != nil {
		return nil, err
	}
	lease, err := store.Retry(ctx, func(ctx context.Context) (store.LeaseID, error) { return v.Store.Grant(ctx, v.Lease) })
	if err != nil {
		return nil, err
	}
	h := &Held{visitor: v, place: cell.New(v.Store, v.Key), lease: lease}
	h.inside, h.lose = context.WithCancelCause(v.Life)
	if err := h.queue(ctx, b); err != nil {
		return nil, errors.Join(err, h.Leave(context.WithoutCancel(ctx)))
	}
	h.wg.Go(h.keep)
	if err := h.turn(ctx, most, progress); err != nil {
		return nil, errors.Join(err, h.Leave(context.WithoutCancel(ctx)))
	}
	return h, nil
}

// queue takes the place anew: one that stands from a run of this node that died is no claim.
func (h *Held) queue(ctx context.Context, b []byte) error {
	err := store.Try(ctx, func(ctx context.Context) error {
		e, err := h.visitor.Store.Get(ctx, h.place.Key.String())
		if err == nil && e.Lease != h.lease {
			err = h.visitor.Store.Delete(ctx, e.Key, e.Revision)
		}
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			err = nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return h.place.Put(ctx, b, h.lease, func(store.Entry) error { return errors.New("another run of this node is in it") })
}

// turn waits until the place is among the first most. A view may be late, which is no harm: nobody comes before the place any more.
func (h *Held) turn(ctx context.Context, most int, progress func([]view.Place)) error {
	var inside []view.Place
	for {
		entered := false
		before := inside
		changed, away, err := h.visitor.Board.Look(func(v *view.View) {
			q := v.Queue(h.visitor.Key.Name)
			at := slices.IndexFunc(q, func(p view.Place) bool { return p.Node == h.visitor.Key.Node && p.Fence == h.place.Revision() })
			entered = at >= 0 && at < most
			inside = q[:min(len(q), most)]
		})
		switch {
		case err != nil:
			return err
		case entered:
			h.Fence = h.place.Revision()
			return nil
		case !slices.Equal(before, inside):
			progress(inside)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", noPlace(inside, away), context.Cause(ctx))
		case <-h.inside.Done():
			return context.Cause(h.inside)
		}
	}
}

// noPlace says why there is no place.
func noPlace(inside []view.Place, away error) string {
	if away != nil {
		return fmt.Sprintf("no place: %v", away)
	}
	return "no place: " + view.InsideText(inside)
}

// Number implements resources.Place.
func (h *Held) Number() int64 { return h.Fence }

// keep renews the lease. When it could not for two thirds of its life the place is given up: before another can enter.
func (h *Held) keep() {
	ttl := h.visitor.Lease
	tick := time.NewTicker(ttl / 5)
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-h.inside.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		ctx, cancel := context.WithDeadlineCause(h.inside, renewed.Add(ttl*2/3), fmt.Errorf("no answer in %v", ttl*2/3))
		err := h.visitor.Store.Renew(ctx, h.lease)
		cancel()
		if err == nil {
			renewed = began
			continue
		}
		if errors.Is(err, store.ErrNoLease) || time.Since(renewed) >= ttl*2/3 {
			h.lose(fmt.Errorf("limit.%s: %w: %w", h.visitor.Key.Name, ErrLost, err))
			return
		}
	}
}

// Inside ends, with its cause, when the place is lost or left: what goes on inside goes by it.
func (h *Held) Inside() context.Context { return h.inside }

// Leave gives the place back. After a place was lost it says so.
func (h *Held) Leave(ctx context.Context) error {
	lost := context.Cause(h.inside)
	h.lose(nil)
	h.wg.Wait()
	if lost != nil {
		return lost
	}
	if err := h.leave(ctx); err != nil {
		return fmt.Errorf("limit.%s: %w", h.visitor.Key.Name, err)
	}
	return nil
}

// leave ends the lease. It does not try for longer than the lease lives: then it ends by itself.
func (h *Held) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.visitor.Lease)
	defer cancel()
	return store.Try(ctx, func(ctx context.Context) error {
		err := h.visitor.Store.Revoke(ctx, h.lease)
		if errors.Is(err, store.ErrNoLease) {
			err = nil
		}
		return err
	})
}
