package exchange

import (
	"context"
	"encoding/json"
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
)

// Identity is the node that joins.
type Identity struct {
	Node    string
	Groups  []string
	Boot    string // id of this boot; another one makes facts of an earlier boot stale
	Machine string // id of the machine: two machines that use one name are told so
	Address string // for people, in errors and on the page
	Run     string // id of the run
	Commit  string // of the manifest, if it has one
}

// Plan is what a run will do, as far as other nodes are concerned.
type Plan struct {
	Exports []record.Export
	Waits   []record.Wait
}

// Run is a node's part in an exchange, from Join to End. One goroutine, which End waits for, keeps its lease and its record.
type Run struct {
	x     *Exchange
	id    Identity
	since int64 // revision of the run's first record
	board *board.Board

	life  context.Context // ends with its cause when the node has lost its place
	lose  context.CancelCauseFunc
	wg    sync.WaitGroup
	wake  chan struct{}
	place *cell.Cell
	over  bool // End has done its work

	mu    sync.Mutex
	rec   record.Run
	dirty bool
	lease store.LeaseID
	facts map[string]*cell.Cell
}

// Join says who the node is and what its run will do. If another run of that name is alive elsewhere, it waits until that
// one has ended or proves to be alive: then the error is ErrTwins and names both. End must be called.
func (x *Exchange) Join(ctx context.Context, id Identity, p Plan) (*Run, error) {
	r := &Run{
		x: x, id: id, wake: make(chan struct{}, 1), facts: map[string]*cell.Cell{},
		rec: record.Run{ID: id.Run, Boot: id.Boot, Machine: id.Machine, Address: id.Address, Exports: p.Exports, Waits: p.Waits},
	}
	if err := name.Node(id.Node); err != nil {
		return nil, err
	}
	for _, w := range p.Waits {
		if err := w.Check(); err != nil {
			return nil, fmt.Errorf("wait.%s: %w", w.Name, err)
		}
	}
	who := r.cell(name.KindNode, "")
	b, err := encode(who.Key, &record.Node{Groups: id.Groups, Boot: id.Boot, Machine: id.Machine, Address: id.Address})
	if err != nil {
		return nil, err
	}
	r.place = r.cell(name.KindRun, "")
	if err := r.arrive(ctx); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	r.since = r.place.Revision()
	if err := who.Put(ctx, b, 0, cell.Anything); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	r.life, r.lose = context.WithCancelCause(context.WithoutCancel(ctx))
	r.board = board.New(x.store, x.deployment)
	r.wg.Go(r.keep)
	return r, nil
}

func (r *Run) cell(kind name.Kind, what string) *cell.Cell {
	return cell.New(r.x.store, name.Key{Kind: kind, Deployment: r.x.deployment, Node: r.id.Node, Name: what})
}

// arrive writes the run's record for the first time, once no other run is alive under this name.
func (r *Run) arrive(ctx context.Context) error {
	var twin store.Entry
	err := r.publish(ctx, func(e store.Entry) error {
		if err := r.mine(e); err != nil {
			twin = e
			return err
		}
		return nil
	})
	if !errors.Is(err, ErrTwins) {
		return err
	}
	// The other one may have died a moment ago (this machine, before it was booted): then its record goes with its lease.
	patience, cancel := context.WithTimeout(ctx, r.x.timing.lease+r.x.timing.lease/3)
	defer cancel()
	for u, err := range store.Follow(patience, r.x.store, r.place.Key.String()) {
		if err != nil || moved(u, twin) { // it has said nothing, or has gone, or shows that it lives
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.publish(ctx, r.mine)
}

// moved tells whether an entry is no longer as it was.
func moved(u store.Update, was store.Entry) bool {
	if u.Reset == nil {
		return len(u.Changes) > 0
	}
	return !slices.ContainsFunc(u.Reset.Entries, func(e store.Entry) bool { return e.Key == was.Key && e.Revision == was.Revision })
}

// mine tells whether a run record that stands under this node's name may be replaced: it has ended, or is this machine's.
func (r *Run) mine(e store.Entry) error {
	rec, err := record.Decode(r.place.Key, e.Value)
	if err != nil {
		return nil // not well-formed: nobody goes by it
	}
	other := rec.(*record.Run)
	if other.Ended || other.Boot == r.id.Boot && other.Machine == r.id.Machine {
		return nil
	}
	return fmt.Errorf("%s: %w: %s (boot %s, machine %s) and %s (boot %s, machine %s) run at the same time", r.id.Node, ErrTwins,
		r.id.Address, r.id.Boot, r.id.Machine, other.Address, other.Boot, other.Machine)
}

// still tells whether a run record that stands in this run's place may be replaced by a run that had taken it before.
func (r *Run) still(e store.Entry) error {
	if err := r.mine(e); err != nil {
		return err
	}
	if rec, err := record.Decode(r.place.Key, e.Value); err == nil && rec.(*record.Run).ID != r.id.Run {
		return fmt.Errorf("%s: %w: another run (%s) has begun on it", r.id.Node, ErrTwins, rec.(*record.Run).ID)
	}
	return nil
}

// publish writes the run's record as it is now, under a lease.
func (r *Run) publish(ctx context.Context, other func(store.Entry) error) error {
	_, err := store.Retry(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, r.publishOnce(ctx, other) })
	return err
}

func (r *Run) publishOnce(ctx context.Context, other func(store.Entry) error) error {
	for {
		r.mu.Lock()
		lease := r.lease
		b, err := encode(r.place.Key, &r.rec)
		r.dirty = false
		r.mu.Unlock()
		if err != nil {
			return err
		}
		if lease == 0 {
			if lease, err = r.x.store.Grant(ctx, r.x.timing.lease); err != nil {
				return err
			}
			r.setLease(lease)
		}
		err = r.place.Put(ctx, b, lease, other)
		if !errors.Is(err, store.ErrNoLease) {
			return err
		}
		r.setLease(0)
	}
}

func (r *Run) setLease(id store.LeaseID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lease = id
}

// keep renews the lease and writes the record whenever it has changed, until the run ends. After a time without the store it
// takes its place again; if another has taken it meanwhile, the run is lost.
func (r *Run) keep() {
	tick := time.NewTicker(r.x.timing.lease / 3)
	defer tick.Stop()
	for {
		renew := false
		select {
		case <-r.life.Done():
			return
		case <-r.wake:
		case <-tick.C:
			renew = true
		}
		r.mu.Lock()
		lease, dirty := r.lease, r.dirty
		r.mu.Unlock()
		if renew && lease != 0 {
			if err := r.x.store.Renew(r.life, lease); errors.Is(err, store.ErrNoLease) {
				r.setLease(0)
				dirty = true
			}
		}
		if !dirty {
			continue
		}
		if err := r.publish(r.life, r.still); err != nil && r.life.Err() == nil {
			r.lose(fmt.Errorf("exchange: %w", err))
			return
		}
	}
}

// Change changes the run's record; it is written soon, together with other changes.
func (r *Run) Change(f func(*record.Run)) {
	r.mu.Lock()
	f(&r.rec)
	r.dirty = true
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Doing says what the run is at, for those who wait for it.
func (r *Run) Doing(what string) {
	r.Change(func(rec *record.Run) { rec.Doing = record.Short(what) })
}

// Lost ends, with its cause, when the node has lost its place to another of its name.
func (r *Run) Lost() context.Context { return r.life }

// Publish exports a fact. With a ttl it goes by itself when it is not exported again in time, by the store's clock.
func (r *Run) Publish(ctx context.Context, fact string, value json.RawMessage, ttl time.Duration) error {
	return r.put(ctx, fact, record.Fact{Status: record.OK, Value: value, TTL: ttl})
}

// Fail says that a fact will not come, as a resource that it requires failed: an export that stood from an earlier run is
// withdrawn, and who waits for it fails at once with the reason.
func (r *Run) Fail(ctx context.Context, fact, reason string) error {
	return r.put(ctx, fact, record.Fact{Status: record.Failed, Reason: record.Short(reason)})
}

// Withdraw takes a fact back.
func (r *Run) Withdraw(ctx context.Context, fact string) error {
	return r.put(ctx, fact, record.Fact{Status: record.Removed})
}

func (r *Run) put(ctx context.Context, fact string, f record.Fact) error {
	if err := name.Fact(fact); err != nil {
		return err
	}
	f.Run, f.Commit, f.Boot = r.id.Run, r.id.Commit, r.id.Boot
	r.mu.Lock()
	c := r.facts[fact]
	if c == nil {
		c = r.cell(name.KindFact, fact)
		r.facts[fact] = c
	}
	r.mu.Unlock()
	b, err := encode(c.Key, &f)
	if err != nil {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	ctx, stop := r.within(ctx)
	defer stop()
	var lease store.LeaseID
	if f.TTL > 0 {
		lease, err = store.Retry(ctx, func(ctx context.Context) (store.LeaseID, error) { return r.x.store.Grant(ctx, f.TTL) })
	}
	if err == nil {
		err = c.Put(ctx, b, lease, cell.Anything)
	}
	if err != nil {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	return nil
}

// within ends a context also when the run is lost.
func (r *Run) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.life, func() { cancel(context.Cause(r.life)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
