// Package ledger is the state machine of a store: entries, leases, and the recent history that watches read. It knows no
// disk, no network and no clock of its own; [Hub] makes a live store of it, given a place where commits become durable.
package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange/store"
)

// What history a watch can fall behind: older events are forgotten first.
const (
	historyEvents = 1 << 16
	historyBytes  = 64 << 20
)

// maxOwned is how many bytes all that stands under one node's name may take, of all deployments together: a node that writes without end fills neither the memory
// nor the disk of the others' exchange. entryCost is what an entry takes besides its key and its value.
const (
	maxOwned  = 64 << 20
	entryCost = 256
)

// Lease is a lease as it is kept.
type Lease struct {
	ID      store.LeaseID
	TTL     time.Duration
	Expires time.Time
}

// Ledger is the committed state. Only [Ledger.Commit] changes it. It is not safe for concurrent use.
type Ledger struct {
	revision  int64
	compacted int64 // events up to this revision are forgotten
	entries   map[string]store.Entry
	keys      []string // of entries, sorted
	leases    map[store.LeaseID]Lease
	byLease   map[store.LeaseID]map[string]bool
	owned     map[string]int // bytes of the entries of each owner
	history   []store.Event
	bytes     int
}

// New makes a ledger that stands at a revision with what was kept; its history starts there. etcd's first revision is 1.
func New(revision int64, entries []store.Entry, leases []Lease) *Ledger {
	l := &Ledger{
		revision: max(revision, 1), compacted: max(revision, 1),
		entries: make(map[string]store.Entry, len(entries)),
		leases:  make(map[store.LeaseID]Lease, len(leases)),
		byLease: map[store.LeaseID]map[string]bool{},
		owned:   map[string]int{},
	}
	for _, le := range leases {
		l.leases[le.ID] = le
	}
	for _, e := range entries {
		l.entries[e.Key] = e
		l.attach(e)
		l.owned[owner(e.Key)] += cost(e)
	}
	l.keys = slices.Sorted(maps.Keys(l.entries))
	return l
}

// History returns the events that watches can still see, and WithHistory gives them to a new ledger, where a store keeps
// them; compacted is the revision up to which all is forgotten.
func (l *Ledger) History() (compacted int64, events []store.Event) { return l.compacted, l.history }

// WithHistory is for a ledger that has just been made.
func (l *Ledger) WithHistory(compacted int64, events []store.Event) *Ledger {
	l.compacted = compacted
	l.remember(events)
	return l
}

// Revision is the one that the last commit made.
func (l *Ledger) Revision() int64 { return l.revision }

// Get returns the entry of a key.
func (l *Ledger) Get(key string) (store.Entry, error) {
	e, ok := l.entries[key]
	if !ok {
		return e, fmt.Errorf("%q: %w", key, store.ErrNotFound)
	}
	return e, nil
}

// List returns the entries under a prefix.
func (l *Ledger) List(prefix string) store.Listing {
	out := store.Listing{Revision: l.revision}
	from := sort.SearchStrings(l.keys, prefix)
	for _, k := range l.keys[from:] {
		if !strings.HasPrefix(k, prefix) {
			break
		}
		out.Entries = append(out.Entries, l.entries[k])
	}
	return out
}

// Leases returns the leases in the order of their ids.
func (l *Ledger) Leases() []Lease {
	return slices.SortedFunc(maps.Values(l.leases), func(a, b Lease) int { return cmp.Compare(a.ID, b.ID) })
}

// NextExpiry is when the first lease runs out; zero when there is none.
func (l *Ledger) NextExpiry() (first time.Time) {
	for _, le := range l.leases {
		if first.IsZero() || le.Expires.Before(first) {
			first = le.Expires
		}
	}
	return first
}

// Since returns the changes under a prefix after a revision, and the revision up to which it has looked.
// It looks at no more than about limit events; a revision is never split.
func (l *Ledger) Since(prefix string, after int64, limit int) ([]store.Event, int64, error) {
	if after < l.compacted || after > l.revision { // ahead: the store was put back to an earlier state
		return nil, 0, fmt.Errorf("revision %d: %w (kept are %d to %d)", after, store.ErrCompacted, l.compacted, l.revision)
	}
	from := sort.Search(len(l.history), func(i int) bool { return l.history[i].Revision > after })
	var out []store.Event
	for i := from; i < len(l.history); i++ {
		e := l.history[i]
		if i-from >= limit && e.Revision != l.history[i-1].Revision {
			return out, l.history[i-1].Revision, nil
		}
		if strings.HasPrefix(e.Key, prefix) {
			out = append(out, e)
		}
	}
	return out, l.revision, nil
}

// Commit makes the writes of t the present state. t must have begun at the present revision.
func (l *Ledger) Commit(t *Tx) {
	for id, le := range t.leases {
		if le == nil {
			delete(l.leases, id)
			delete(l.byLease, id)
		} else {
			l.leases[id] = *le
		}
	}
	for k, e := range t.entries {
		old, had := l.entries[k]
		delete(l.byLease[old.Lease], k)
		switch {
		case e == nil && had:
			delete(l.entries, k)
			i := sort.SearchStrings(l.keys, k)
			l.keys = slices.Delete(l.keys, i, i+1)
		case e != nil:
			l.entries[k] = *e
			l.attach(*e)
			if i := sort.SearchStrings(l.keys, k); !had {
				l.keys = slices.Insert(l.keys, i, k)
			}
		}
	}
	for who, more := range t.owned {
		if l.owned[who] += more; l.owned[who] == 0 {
			delete(l.owned, who)
		}
	}
	l.revision = t.revision
	l.remember(t.events)
}

// owner is the node whose a key is: facts/DEPLOYMENT/NODE/... Parameters, and keys of another form, are nobody's.
func owner(key string) string {
	if parts := strings.SplitN(key, "/", 4); len(parts) == 4 && !strings.HasPrefix(parts[2], ".") {
		return parts[2]
	}
	return ""
}

// cost is what an entry takes, in bytes; 0 where there is none.
func cost(e store.Entry) int {
	if e.Key == "" {
		return 0
	}
	return len(e.Key) + len(e.Value) + entryCost
}

func (l *Ledger) attach(e store.Entry) {
	if e.Lease == 0 {
		return
	}
	if l.byLease[e.Lease] == nil {
		l.byLease[e.Lease] = map[string]bool{}
	}
	l.byLease[e.Lease][e.Key] = true
}

// remember appends to the history and forgets the oldest revisions over its bounds, each whole.
func (l *Ledger) remember(events []store.Event) {
	size := func(e store.Event) int { return len(e.Key) + len(e.Value) }
	for _, e := range events {
		l.bytes += size(e)
	}
	l.history = append(l.history, events...)
	drop := 0
	for drop < len(l.history) && (len(l.history)-drop > historyEvents || l.bytes > historyBytes ||
		l.history[drop].Revision == l.compacted) {
		l.compacted = l.history[drop].Revision
		l.bytes -= size(l.history[drop])
		drop++
	}
	clear(l.history[:drop])
	l.history = l.history[drop:]
}
