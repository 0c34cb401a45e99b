// Package place is a run's place in a deployment: its record, under a lease, which others see for as long as the run lives.
//
// A node has one. Whoever begins under its name while another run lives there waits, and is refused; whoever finds his place taken by another has lost it.
package place

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/internal/cell"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// ErrTwins says that two runs are alive under one name.
var ErrTwins = errors.New("two nodes with one name")

var errEnding = errors.New("the run has ended")

// Place is held from Take to End or Leave. One goroutine, which these wait for, keeps its lease and its record.
type Place struct {
	store store.Store
	ttl   time.Duration // of the lease
	cell  *cell.Cell
	life  context.Context // ends with its cause when the place is lost
	lose  context.CancelCauseFunc
	wg    sync.WaitGroup
	wake  chan struct{}
	hooks Hooks
	over  bool // its lease is given back

	mu    sync.Mutex
	since int64 // the revision at which it was taken
	rec   record.Run
	dirty bool
	lease store.LeaseID
}

// Hooks are told how a place that is held stands.
type Hooks struct {
	Back func(context.Context) error // it had to be taken again, as the store had forgotten it
	Away func(error)                 // why the store cannot be reached, whenever the lease is due; nil: it can
}

// Take takes the place of a node (the key is that of its run) for a run that is not heard of for ttl at most. If another run of that name is
// alive elsewhere, it waits until that one has ended or proves to be alive: then the error is ErrTwins and names both.
func Take(ctx context.Context, s store.Store, k name.Key, rec record.Run, ttl time.Duration, hooks Hooks) (*Place, error) {
	p := &Place{store: s, ttl: ttl, cell: cell.New(s, k), rec: rec, wake: make(chan struct{}, 1), hooks: hooks}
	if err := p.arrive(ctx); err != nil {
		return nil, err
	}
	p.taken()
	p.life, p.lose = context.WithCancelCause(context.WithoutCancel(ctx))
	p.wg.Go(p.keep)
	return p, nil
}

// Since is the revision of the run's first record.
func (p *Place) Since() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since
}

// taken says that the place was taken with the last write.
func (p *Place) taken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = p.cell.Revision()
}

// Life ends, with its cause, when the place is lost to another.
func (p *Place) Life() context.Context { return p.life }

// arrive writes the run's record for the first time, once no other run is alive under this name.
func (p *Place) arrive(ctx context.Context) error {
	var twin store.Entry
	err := p.publish(ctx, func(e store.Entry) error {
		if err := p.mine(e); err != nil {
			twin = e
			return err
		}
		return nil
	})
	if !errors.Is(err, ErrTwins) {
		return err
	}
	// The other one may have died a moment ago (this machine, before it was booted): then its record goes with its lease.
	patience, cancel := context.WithTimeout(ctx, p.ttl+p.ttl/3)
	store.TellAway(ctx, fmt.Errorf("%w; the other is given %v to end", err, p.ttl+p.ttl/3))
	defer cancel()
	for u, err := range store.Follow(patience, p.store, p.cell.Key.String()) {
		if err != nil || moved(u, twin) { // it has said nothing, or has gone, or shows that it lives
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.publish(ctx, p.mine)
}

// moved tells whether an entry is no longer as it was.
func moved(u store.Update, was store.Entry) bool {
	if u.Reset == nil {
		return len(u.Changes) > 0
	}
	return !slices.ContainsFunc(u.Reset.Entries, func(e store.Entry) bool { return e.Key == was.Key && e.Revision == was.Revision })
}

// mine tells whether a run record that stands under this node's name may be replaced: it has ended, or is this machine's.
func (p *Place) mine(e store.Entry) error {
	rec, err := record.Decode(p.cell.Key, e.Value)
	if err != nil {
		return nil // not well-formed: nobody goes by it
	}
	p.mu.Lock()
	me := p.rec
	p.mu.Unlock()
	other := rec.(*record.Run)
	if other.Ended || other.Boot == me.Boot && other.Machine == me.Machine {
		return nil
	}
	return fmt.Errorf("%s: %w: %s (boot %s, machine %s) and %s (boot %s, machine %s) run at the same time", p.cell.Key.Node, ErrTwins,
		me.Address, me.Boot, me.Machine, other.Address, other.Boot, other.Machine)
}

// still tells whether a run record that stands in this run's place may be replaced by a run that had taken it before: it is this one's, or was there earlier,
// and the store was put back to that.
func (p *Place) still(e store.Entry) error {
	if err := p.mine(e); err != nil || e.Revision < p.Since() {
		return err
	}
	if rec, err := record.Decode(p.cell.Key, e.Value); err == nil && rec.(*record.Run).ID != p.rec.ID {
		return fmt.Errorf("%s: %w: another run (%s) has begun on it", p.cell.Key.Node, ErrTwins, rec.(*record.Run).ID)
	}
	return nil
}

// publish writes the run's record as it is now, under a lease.
func (p *Place) publish(ctx context.Context, other func(store.Entry) error) error {
	return store.Try(ctx, func(ctx context.Context) error { return p.publishOnce(ctx, other) })
}

func (p *Place) publishOnce(ctx context.Context, other func(store.Entry) error) error {
	for {
		p.mu.Lock()
		lease := p.lease
		b, err := record.Encode(p.cell.Key, &p.rec)
		p.dirty = false
		p.mu.Unlock()
		if err != nil {
			return err
		}
		if lease == 0 {
			if lease, err = p.store.Grant(ctx, p.ttl); err != nil {
				return err
			}
			p.setLease(lease)
		}
		err = p.cell.Put(ctx, b, lease, other)
		if !errors.Is(err, store.ErrNoLease) {
			return err
		}
		p.setLease(0)
	}
}

func (p *Place) setLease(id store.LeaseID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lease = id
}

// keep renews the lease and writes the record whenever it has changed, until the run ends. After a time without the store it
// takes its place again; if another has taken it meanwhile, the place is lost.
func (p *Place) keep() {
	tick := time.NewTicker(p.ttl / 3)
	defer tick.Stop()
	for {
		renew := false
		select {
		case <-p.life.Done():
			return
		case <-p.wake:
		case <-tick.C:
			renew = true
		}
		p.mu.Lock()
		lease, dirty := p.lease, p.dirty
		p.mu.Unlock()
		if renew && lease != 0 {
			err := p.store.Renew(p.life, lease)
			switch {
			case errors.Is(err, store.ErrNoLease):
				p.setLease(0)
				dirty, err = true, nil
			case !errors.Is(err, store.ErrUnavailable):
				err = nil
			}
			p.hooks.Away(err)
		}
		if !dirty {
			continue
		}
		err := p.publish(p.life, p.still)
		if err == nil && p.leased() != lease {
			p.taken()
			err = p.hooks.Back(p.life)
		}
		if err != nil && p.life.Err() == nil {
			p.lose(fmt.Errorf("exchange: %w", err))
			return
		}
	}
}

func (p *Place) leased() store.LeaseID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lease
}

// Change changes the run's record; it is written soon, together with other changes.
func (p *Place) Change(f func(*record.Run)) {
	p.mu.Lock()
	f(&p.rec)
	p.dirty = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Stop ends the keeping, and tells why the place is another's, if it is. A second time it does nothing.
func (p *Place) Stop() (lost error) {
	lost = context.Cause(p.life)
	p.lose(errEnding)
	p.wg.Wait()
	if errors.Is(lost, errEnding) {
		return nil
	}
	return lost
}

// End leaves the run's last record behind, as f makes it, for good. It comes after Stop; a second time it does nothing.
func (p *Place) End(ctx context.Context, f func(*record.Run)) error {
	if p.over {
		return nil
	}
	p.mu.Lock()
	f(&p.rec)
	b, err := record.Encode(p.cell.Key, &p.rec)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if err := p.cell.Put(ctx, b, 0, p.still); err != nil {
		return err
	}
	return p.Leave(ctx)
}

// Leave gives the lease back, and with it what still stands under it. It comes after Stop; a second time it does nothing.
func (p *Place) Leave(ctx context.Context) error {
	if p.over {
		return nil
	}
	p.over = true
	lease := p.leased()
	if lease == 0 {
		return nil
	}
	if err := p.store.Revoke(ctx, lease); err != nil && !errors.Is(err, store.ErrNoLease) && !errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return nil // a lease that cannot be revoked runs out
}
