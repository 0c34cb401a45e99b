package ledger

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/store"
)

// Log is where a hub's commits become durable.
type Log interface {
	// Load reads what was kept. Leases run anew from now: nobody could renew them while the store was down.
	Load(now time.Time) (*Ledger, error)
	// Commit keeps a group whole, durably, before it returns.
	Commit(t *Tx) error
}

// Volatile is the Log of a store that lives no longer than its process.
type Volatile struct{}

// Load gives an empty ledger.
func (Volatile) Load(time.Time) (*Ledger, error) { return New(1, nil, nil), nil }

// Commit keeps nothing.
func (Volatile) Commit(*Tx) error { return nil }

// groupMax bounds how many writes share one commit, so that the first does not wait for a flood.
const groupMax = 1024

// watchBatch is about how many events a watch hands on at once: what a thousand watches that are behind take of memory.
const watchBatch = 1024

// Hub is a live store on a ledger: any number of readers, watchers and writers. One goroutine owns all writes; those that
// arrive while a commit is on its way to the disk share the next one.
type Hub struct {
	log   Log
	clock func() time.Time
	ops   chan op
	quit  chan struct{}
	ended chan struct{}
	once  sync.Once

	mu      sync.RWMutex
	ledger  *Ledger
	changed chan struct{} // closed at the next commit
}

// op is one write on its way; it gives a revision or a lease, where it makes one.
type op struct {
	write func(*Tx) (int64, error)
	reply chan outcome
}

type outcome struct {
	made int64
	err  error
}

var _ store.Store = (*Hub)(nil)

// NewHub starts a store on what log has kept, by a clock (time.Now). Close ends it.
func NewHub(log Log, clock func() time.Time) (*Hub, error) {
	l, err := log.Load(clock())
	if err != nil {
		return nil, err
	}
	h := &Hub{
		log: log, clock: clock, ledger: l, changed: make(chan struct{}),
		ops: make(chan op, groupMax), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go h.commits()
	return h, nil
}

// Close ends the store's goroutine and fails all that is under way.
func (h *Hub) Close() error {
	h.once.Do(func() { close(h.quit) })
	<-h.ended
	return nil
}

// Get implements store.Store.
func (h *Hub) Get(ctx context.Context, key string) (store.Entry, error) {
	if err := h.alive(ctx); err != nil {
		return store.Entry{}, err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.ledger.Get(key)
}

// List implements store.Store.
func (h *Hub) List(ctx context.Context, prefix string) (store.Listing, error) {
	if err := h.alive(ctx); err != nil {
		return store.Listing{}, err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	l := h.ledger.List(prefix)
	l.Now = h.clock()
	return l, nil
}

// Put implements store.Store.
func (h *Hub) Put(ctx context.Context, p store.Put) (int64, error) {
	return h.write(ctx, func(t *Tx) (int64, error) { return t.Put(p) })
}

// Delete implements store.Store.
func (h *Hub) Delete(ctx context.Context, key string, expect int64) error {
	_, err := h.write(ctx, func(t *Tx) (int64, error) { return 0, t.Delete(key, expect) })
	return err
}

// Grant implements store.Store.
func (h *Hub) Grant(ctx context.Context, ttl time.Duration) (store.LeaseID, error) {
	id, err := h.write(ctx, func(t *Tx) (int64, error) {
		id, err := t.Grant(ttl)
		return int64(id), err
	})
	return store.LeaseID(id), err
}

// Renew implements store.Store.
func (h *Hub) Renew(ctx context.Context, id store.LeaseID) error {
	_, err := h.write(ctx, func(t *Tx) (int64, error) { return 0, t.Renew(id) })
	return err
}

// Revoke implements store.Store.
func (h *Hub) Revoke(ctx context.Context, id store.LeaseID) error {
	_, err := h.write(ctx, func(t *Tx) (int64, error) { return 0, t.Revoke(id) })
	return err
}

// Watch implements store.Store.
func (h *Hub) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]store.Event, error] {
	return func(yield func([]store.Event, error) bool) {
		for {
			evs, rev, err := h.Next(ctx, prefix, after)
			if !yield(evs, err) || err != nil {
				return
			}
			after = rev
		}
	}
}

// Next waits for changes under prefix after a revision and returns them with the revision up to which that is all. When the
// context ends first it returns its cause and that revision.
func (h *Hub) Next(ctx context.Context, prefix string, after int64) ([]store.Event, int64, error) {
	for {
		h.mu.RLock()
		evs, rev, err := h.ledger.Since(prefix, after, watchBatch)
		changed, current := h.changed, h.ledger.Revision()
		h.mu.RUnlock()
		if err != nil || len(evs) > 0 {
			return evs, rev, err
		}
		if after = rev; rev < current {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, after, context.Cause(ctx)
		case <-h.quit:
			return nil, after, store.ErrClosed
		}
	}
}

func (h *Hub) alive(ctx context.Context) error {
	select {
	case <-h.quit:
		return store.ErrClosed
	default:
		return context.Cause(ctx)
	}
}

// write hands one write to the committing goroutine and waits for it. Once handed over it is not taken back: the context
// of its caller ends the waiting only.
func (h *Hub) write(ctx context.Context, f func(*Tx) (int64, error)) (int64, error) {
	if err := h.alive(ctx); err != nil {
		return 0, err
	}
	o := op{write: f, reply: make(chan outcome, 1)}
	select {
	case h.ops <- o:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-h.quit:
		return 0, store.ErrClosed
	}
	select {
	case r := <-o.reply:
		return r.made, r.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-h.ended:
		select { // answered just before the end?
		case r := <-o.reply:
			return r.made, r.err
		default:
			return 0, store.ErrClosed
		}
	}
}

func (h *Hub) commits() {
	defer close(h.ended)
	expiry := time.NewTimer(time.Hour)
	defer expiry.Stop()
	pause := time.Duration(0)
	for {
		if at := h.ledger.NextExpiry(); !at.IsZero() {
			expiry.Reset(max(at.Sub(h.clock()), pause))
		}
		var group []op
		select {
		case o := <-h.ops:
			group = append(group, o)
		case <-expiry.C:
		case <-h.quit:
			return
		}
		for more := true; more && len(group) < groupMax; {
			select {
			case o := <-h.ops:
				group = append(group, o)
			default:
				more = false
			}
		}
		pause = 0
		if !h.commit(group) {
			pause = time.Second // a lease that is over is tried again, but not in a busy loop
		}
	}
}

// commit carries out a group of writes, with one visit to the log, and tells whether they are kept.
func (h *Hub) commit(group []op) bool {
	t := h.ledger.Begin(h.clock())
	t.Expire()
	results := make([]outcome, len(group))
	for i, o := range group {
		results[i].made, results[i].err = o.write(t)
	}
	if t.Durable() {
		if err := h.log.Commit(t); err != nil {
			h.reload() // whoever is told of it may look at once
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
			for _, o := range group {
				o.reply <- outcome{err: err}
			}
			return false
		}
	}
	h.mu.Lock()
	h.ledger.Commit(t)
	if len(t.Events()) > 0 {
		close(h.changed)
		h.changed = make(chan struct{})
	}
	h.mu.Unlock()
	for i, o := range group {
		o.reply <- results[i]
	}
	return true
}

// reload takes over what the log holds after a commit that failed: it may have been kept all the same. If nothing can be
// read either, the state from before stays, and the next commit will tell.
func (h *Hub) reload() {
	l, err := h.log.Load(h.clock())
	if err != nil || l.Revision() == h.ledger.Revision() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ledger = l
	close(h.changed)
	h.changed = make(chan struct{})
}
