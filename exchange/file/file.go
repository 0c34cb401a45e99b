// Package file is the driver for one node without an exchange: the node's own facts, in a file of its state folder.
//
// The file is replaced whole and durably, by one write for all that wait for it at a time, under a lock file (flock), so that several processes of the node may
// use it. Watches look at it several times a second.
package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/store"
)

const (
	poll        = 100 * time.Millisecond
	lockTimeout = 10 * time.Second
	maxSize     = 256 << 20
	historyMax  = 256 // events kept for watches
)

// Store is a store in a file.
type Store struct {
	path  string
	clock func() time.Time
	warn  func(string)

	queue   sync.Mutex // over what waits
	waiting []*op

	mu     sync.Mutex // over what was read last
	seen   os.FileInfo
	ledger *ledger.Ledger
	closed bool
}

var _ store.Store = (*Store)(nil)

// kept is the file's content.
type kept struct {
	Revision  int64
	Compacted int64
	Entries   []store.Entry
	Leases    []ledger.Lease
	Events    []store.Event
}

// Open opens the store exchange.json in a folder, which is made if need be (0700). A broken file is moved aside (to
// exchange.json.broken) and told to warn, which may be nil.
func Open(dir string, clock func() time.Time, warn func(string)) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("exchange file: %w", err)
	}
	if warn == nil {
		warn = func(string) {}
	}
	return &Store{path: filepath.Join(dir, "exchange.json"), clock: clock, warn: warn}, nil
}

// Close ends the store's watches at their next look.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (e store.Entry, err error) {
	err = s.do(ctx, func(t *ledger.Tx, l *ledger.Ledger) error { e, err = l.Get(key); return err })
	return e, err
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string) (l store.Listing, err error) {
	err = s.do(ctx, func(_ *ledger.Tx, led *ledger.Ledger) error { l = led.List(prefix); return nil })
	l.Now = s.clock()
	return l, err
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, p store.Put) (rev int64, err error) {
	err = s.do(ctx, func(t *ledger.Tx, _ *ledger.Ledger) error { rev, err = t.Put(p); return err })
	return rev, err
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key string, expect int64) error {
	return s.do(ctx, func(t *ledger.Tx, _ *ledger.Ledger) error { return t.Delete(key, expect) })
}

// Grant implements store.Store.
func (s *Store) Grant(ctx context.Context, ttl time.Duration) (id store.LeaseID, err error) {
	err = s.do(ctx, func(t *ledger.Tx, _ *ledger.Ledger) error { id, err = t.Grant(ttl); return err })
	return id, err
}

// Renew implements store.Store.
func (s *Store) Renew(ctx context.Context, id store.LeaseID) error {
	return s.do(ctx, func(t *ledger.Tx, _ *ledger.Ledger) error { return t.Renew(id) })
}

// Revoke implements store.Store.
func (s *Store) Revoke(ctx context.Context, id store.LeaseID) error {
	return s.do(ctx, func(t *ledger.Tx, _ *ledger.Ledger) error { return t.Revoke(id) })
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]store.Event, error] {
	return func(yield func([]store.Event, error) bool) {
		tick := time.NewTicker(poll)
		defer tick.Stop()
		for {
			var evs []store.Event
			err := s.do(ctx, func(_ *ledger.Tx, l *ledger.Ledger) (err error) {
				evs, after, err = l.Since(prefix, after, historyMax)
				return err
			})
			if errors.Is(err, store.ErrUnavailable) {
				err = nil // the next look may do better
			}
			if (err != nil || len(evs) > 0) && !yield(evs, err) || err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				yield(nil, context.Cause(ctx))
				return
			}
		}
	}
}

// op is something to be done with the lock held: t takes its writes, l is the state, in which leases that have run out are already gone.
type op struct {
	do   func(t *ledger.Tx, l *ledger.Ledger) error
	over bool
	err  error
}

// do runs f. Whoever gets the lock does what all others are waiting to do, and keeps it by one write of the file.
func (s *Store) do(ctx context.Context, f func(t *ledger.Tx, l *ledger.Ledger) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o := &op{do: f}
	s.queue.Lock()
	s.waiting = append(s.waiting, o)
	s.queue.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.over {
		return o.err
	}
	lock, err := s.begin(ctx)
	s.queue.Lock()
	group := s.waiting
	if s.waiting = nil; err != nil { // of this one's patience: the others try for themselves
		s.waiting = slices.DeleteFunc(group, func(other *op) bool { return other == o })
	}
	s.queue.Unlock()
	if err != nil {
		return err
	}
	defer lock.Close()
	err = s.group(group)
	for _, other := range group {
		if other.over = true; err != nil {
			other.err = err
		}
	}
	return o.err
}

// begin takes the lock and reads the file, if it is another one than before.
func (s *Store) begin(ctx context.Context) (*os.File, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, fmt.Errorf("not free for %s", lockTimeout))
	defer cancel()
	lock, err := durable.Lock(ctx, s.path+".lock")
	if err == nil {
		if err = s.load(); err == nil {
			return lock, nil
		}
		lock.Close()
	}
	return nil, fmt.Errorf("exchange file: %w: %w", store.ErrUnavailable, err)
}

// group does one thing after the other and makes what they have written durable. An error is that of all of them.
func (s *Store) group(ops []*op) error {
	t := s.ledger.Begin(s.clock())
	t.Expire()
	changed := s.commit(t)
	for _, o := range ops {
		t := s.ledger.Begin(s.clock())
		if o.err = o.do(t, s.ledger); o.err == nil && s.commit(t) {
			changed = true
		}
	}
	if !changed {
		return nil
	}
	if err := s.save(); err != nil {
		s.seen, s.ledger = nil, nil // what stands in the file counts
		return fmt.Errorf("exchange file: %w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// commit takes up the writes of t, and tells whether there are any.
func (s *Store) commit(t *ledger.Tx) bool {
	if len(t.Events()) == 0 && len(t.Leases()) == 0 {
		return false
	}
	s.ledger.Commit(t)
	return true
}

func (s *Store) load() error {
	info, err := os.Lstat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		if s.ledger == nil || s.seen != nil {
			s.seen, s.ledger = nil, ledger.New(1, nil, nil)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if durable.Unwritten(s.seen, info) {
		return nil
	}
	k, err := read(s.path, info)
	if err != nil {
		aside := s.path + ".broken"
		s.warn(fmt.Sprintf("%s: %v; moved aside to %s, starting without it", s.path, err, aside))
		if err := os.Rename(s.path, aside); err != nil {
			return err
		}
		s.seen, s.ledger = nil, ledger.New(1, nil, nil)
		return nil
	}
	s.seen, s.ledger = info, ledger.New(k.Revision, k.Entries, k.Leases).WithHistory(k.Compacted, k.Events)
	return nil
}

func read(path string, info os.FileInfo) (k kept, err error) {
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return k, errors.New("not a file of this store")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return k, err
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return k, err
	}
	if k.Revision < 1 || k.Compacted > k.Revision {
		return k, errors.New("revisions make no sense")
	}
	return k, nil
}

func (s *Store) save() error {
	l := s.ledger.List("")
	k := kept{Revision: l.Revision, Entries: l.Entries, Leases: s.ledger.Leases()}
	k.Compacted, k.Events = s.ledger.History()
	for len(k.Events) > historyMax || len(k.Events) > 0 && k.Events[0].Revision == k.Compacted {
		k.Compacted = k.Events[0].Revision
		k.Events = k.Events[1:]
	}
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(s.path, b, 0o600); err != nil {
		return err
	}
	s.seen, err = os.Lstat(s.path)
	return err
}
