package ledger

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nodeapply/apply/exchange/store"
)

// Tx is a group of writes on top of a ledger: each sees those before it, none is seen by the ledger before Commit.
// A write that returns an error has changed nothing.
type Tx struct {
	l        *Ledger
	now      time.Time
	revision int64
	entries  map[string]*store.Entry // nil: deleted
	leases   map[store.LeaseID]*Lease
	owned    map[string]int // by how many bytes the entries of each owner have grown
	events   []store.Event
	durable  bool
}

// Begin starts a group of writes at a time of the store's clock.
func (l *Ledger) Begin(now time.Time) *Tx {
	return &Tx{
		l: l, now: now, revision: l.revision,
		entries: map[string]*store.Entry{}, leases: map[store.LeaseID]*Lease{}, owned: map[string]int{},
	}
}

// Before is a group of all that stood before this one.
func (t *Tx) Before() *Tx {
	all := &Tx{revision: t.l.revision, leases: map[store.LeaseID]*Lease{}}
	for _, key := range t.l.keys {
		all.events = append(all.events, store.Event{Entry: t.l.entries[key]})
	}
	for id, lease := range t.l.leases {
		all.leases[id] = &lease
	}
	return all
}

// Events are the changes so far, in order.
func (t *Tx) Events() []store.Event { return t.events }

// Leases are the leases that the group has made, renewed (a value) or ended (nil).
func (t *Tx) Leases() map[store.LeaseID]*Lease { return t.leases }

// Durable tells whether anything must be kept; renewing a lease need not be, as all leases run anew when a store starts.
func (t *Tx) Durable() bool { return t.durable || len(t.events) > 0 }

// Revision is the one that the last write made.
func (t *Tx) Revision() int64 { return t.revision }

func (t *Tx) entry(key string) (store.Entry, bool) {
	if e, ok := t.entries[key]; ok {
		if e == nil {
			return store.Entry{}, false
		}
		return *e, true
	}
	e, ok := t.l.entries[key]
	return e, ok
}

func (t *Tx) lease(id store.LeaseID) (Lease, error) {
	le, ok := t.l.leases[id]
	if changed, touched := t.leases[id]; touched {
		if ok = changed != nil; ok {
			le = *changed
		}
	}
	if !ok || !t.now.Before(le.Expires) {
		return le, fmt.Errorf("lease %x: %w", int64(id), store.ErrNoLease)
	}
	return le, nil
}

func expect(key string, want, have int64) error {
	if want != store.Any && want != have {
		return fmt.Errorf("%q: %w (expected revision %d, is at %d)", key, store.ErrConflict, want, have)
	}
	return nil
}

// Put writes one key. A node over its bound may still write less than was there.
func (t *Tx) Put(p store.Put) (int64, error) {
	old, _ := t.entry(p.Key)
	if err := expect(p.Key, p.Expect, old.Revision); err != nil {
		return 0, err
	}
	if p.Lease != 0 {
		if _, err := t.lease(p.Lease); err != nil {
			return 0, err
		}
	}
	e := store.Entry{Key: p.Key, Value: p.Value, Revision: t.revision + 1, Created: old.Created, Lease: p.Lease, Time: t.now}
	who, more := owner(p.Key), cost(e)-cost(old)
	if who != "" && more > 0 && t.l.owned[who]+t.owned[who]+more > maxOwned {
		return 0, fmt.Errorf("%q: %w: all that %s has written would be over %d MiB (apply exchange forget %s --deployment OLD removes what a deployment no longer needs)",
			p.Key, store.ErrRefused, who, maxOwned>>20, who)
	}
	t.owned[who] += more
	t.revision++
	if e.Created == 0 {
		e.Created = t.revision
	}
	t.entries[p.Key] = &e
	t.events = append(t.events, store.Event{Entry: e})
	return t.revision, nil
}

// Delete removes one key.
func (t *Tx) Delete(key string, want int64) error {
	old, ok := t.entry(key)
	if err := expect(key, want, old.Revision); err != nil || !ok {
		return err
	}
	t.revision++
	t.drop(old)
	return nil
}

func (t *Tx) drop(e store.Entry) {
	t.owned[owner(e.Key)] -= cost(e)
	t.entries[e.Key] = nil
	t.events = append(t.events, store.Event{Entry: store.Entry{Key: e.Key, Revision: t.revision}, Deleted: true})
}

// Grant makes a lease.
func (t *Tx) Grant(ttl time.Duration) (store.LeaseID, error) {
	if ttl <= 0 || ttl > store.MaxTTL {
		return 0, fmt.Errorf("ttl %s: %w (0 < ttl <= %s)", ttl, store.ErrRefused, store.MaxTTL)
	}
	// An id is random: whoever can guess it could end the lease.
	var b [8]byte
	rand.Read(b[:]) // never fails
	id := store.LeaseID(binary.BigEndian.Uint64(b[:])>>2 | 1)
	t.leases[id] = &Lease{ID: id, TTL: ttl, Expires: t.now.Add(ttl)}
	t.durable = true
	return id, nil
}

// Renew makes a lease last its whole ttl from now.
func (t *Tx) Renew(id store.LeaseID) error {
	le, err := t.lease(id)
	if err != nil {
		return err
	}
	le.Expires = t.now.Add(le.TTL)
	t.leases[id] = &le
	return nil
}

// Revoke ends a lease and deletes its keys, in one revision.
func (t *Tx) Revoke(id store.LeaseID) error {
	if _, err := t.lease(id); err != nil {
		return err
	}
	t.end(id)
	return nil
}

// Expire ends all leases that have run out. It comes before the other writes of a group.
func (t *Tx) Expire() {
	if first := t.l.NextExpiry(); first.IsZero() || t.now.Before(first) {
		return
	}
	for _, le := range t.l.Leases() {
		if !t.now.Before(le.Expires) {
			t.end(le.ID)
		}
	}
}

func (t *Tx) end(id store.LeaseID) {
	keys := map[string]bool{}
	for k := range t.l.byLease[id] {
		keys[k] = true
	}
	for k := range t.entries {
		keys[k] = true
	}
	first := true
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		e, ok := t.entry(k)
		if !ok || e.Lease != id {
			continue
		}
		if first {
			t.revision++
			first = false
		}
		t.drop(e)
	}
	t.leases[id] = nil
	t.durable = true
}
