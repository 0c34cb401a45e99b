// Package storetest is the law of store.Store in executable form: [Run] is the conformance suite that every driver passes, [Compare] runs one
// seeded random history on two stores and compares all that they answer.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nodeapply/apply/exchange/store"
)

// Node is the node under whose keys the suite writes, in deployment "suite": a store that knows permissions is opened as it.
const Node = "node01"

const prefix = "facts/suite/" + Node + "/"

// deadline bounds each test of the suite.
const deadline = time.Minute

func value(n int) []byte { return fmt.Appendf(nil, `{"status":"ok","value":%d}`, n) }

// Run is the suite. open gives a store of which nothing else makes use meanwhile; what an earlier test left may be there.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, ctx context.Context, s store.Store, base int64)
	}{
		{"what is put is there", putGet},
		{"expected revisions", expected},
		{"lists are ordered and of one revision", lists},
		{"watch from a revision", watchFrom},
		{"watch sees what comes later", watchLive},
		{"watch sees its prefix alone", watchPrefix},
		{"watch ends with its context", watchEnds},
		{"revoking a lease deletes its keys in one revision", leaseRevoked},
		{"a lease that is not renewed ends", leaseExpires},
		{"a lease that is renewed lasts", leaseRenewed},
		{"a key put without its lease outlives it", leaseDetached},
		{"unknown leases", leaseUnknown},
		{"follow starts with what is there", follow},
		{"a context that is over", contextOver},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			s := open(t)
			c.test(t, ctx, s, clean(t, ctx, s))
		})
	}
}

// clean deletes what stands under the suite's prefix and returns the revision.
func clean(t *testing.T, ctx context.Context, s store.Store) int64 {
	t.Helper()
	l, err := s.List(ctx, prefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.Entries {
		if err := s.Delete(ctx, e.Key, store.Any); err != nil {
			t.Fatal(err)
		}
	}
	l, err = s.List(ctx, prefix)
	if err != nil || len(l.Entries) > 0 {
		t.Fatalf("%d entries are left after deleting all: %v", len(l.Entries), err)
	}
	return l.Revision
}

func put(t *testing.T, ctx context.Context, s store.Store, p store.Put) int64 {
	t.Helper()
	p.Key = prefix + p.Key
	rev, err := s.Put(ctx, p)
	if err != nil {
		t.Fatalf("put %s: %v", p.Key, err)
	}
	return rev
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// same compares without times: not every store has a clock.
func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Entry{}, "Time"), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func entry(key string, v int, revision, created int64) store.Entry {
	return store.Entry{Key: prefix + key, Value: value(v), Revision: revision, Created: created}
}

func putGet(t *testing.T, ctx context.Context, s store.Store, base int64) {
	same(t, "first revision", base+1, put(t, ctx, s, store.Put{Key: "a", Value: value(1), Expect: store.Any}))
	same(t, "second revision", base+2, put(t, ctx, s, store.Put{Key: "a", Value: value(2), Expect: store.Any}))
	e, err := s.Get(ctx, prefix+"a")
	is(t, "get", err, nil)
	same(t, "entry", entry("a", 2, base+2, base+1), e)
	is(t, "delete", s.Delete(ctx, prefix+"a", store.Any), nil)
	_, err = s.Get(ctx, prefix+"a")
	is(t, "get of what was deleted", err, store.ErrNotFound)
	is(t, "delete of what is not there", s.Delete(ctx, prefix+"a", store.Any), nil)
	same(t, "a delete that deletes nothing takes no revision", base+4, put(t, ctx, s, store.Put{Key: "a", Value: value(3), Expect: 0}))
	e, err = s.Get(ctx, prefix+"a")
	is(t, "get", err, nil)
	same(t, "created anew", entry("a", 3, base+4, base+4), e)
}

func expected(t *testing.T, ctx context.Context, s store.Store, base int64) {
	a := put(t, ctx, s, store.Put{Key: "a", Value: value(1), Expect: 0})
	try := func(key string, expect int64) error {
		_, err := s.Put(ctx, store.Put{Key: prefix + key, Value: value(9), Expect: expect})
		return err
	}
	is(t, "create what is there", try("a", 0), store.ErrConflict)
	is(t, "put at an older revision", try("a", a-1), store.ErrConflict)
	is(t, "put at a revision that never was", try("a", a+1), store.ErrConflict)
	is(t, "put at a revision of what is not there", try("b", a), store.ErrConflict)
	is(t, "delete at another revision", s.Delete(ctx, prefix+"a", a+7), store.ErrConflict)
	is(t, "delete at a revision of what is not there", s.Delete(ctx, prefix+"b", a), store.ErrConflict)
	same(t, "what failed takes no revision", a+1, put(t, ctx, s, store.Put{Key: "a", Value: value(2), Expect: a}))
	is(t, "the same put again, replayed", try("a", a), store.ErrConflict)
	is(t, "delete at the present revision", s.Delete(ctx, prefix+"a", a+1), nil)
}

func lists(t *testing.T, ctx context.Context, s store.Store, base int64) {
	for i, k := range []string{"b", "a", "ab", "c"} {
		put(t, ctx, s, store.Put{Key: k, Value: value(i), Expect: 0})
	}
	l, err := s.List(ctx, prefix+"a")
	is(t, "list", err, nil)
	same(t, "under a", []store.Entry{entry("a", 1, base+2, base+2), entry("ab", 2, base+3, base+3)}, l.Entries)
	same(t, "revision of the store, not of the entries", base+4, l.Revision)
	l, err = s.List(ctx, prefix+"x")
	is(t, "empty list", err, nil)
	same(t, "nothing", []store.Entry(nil), l.Entries)
}

// take reads n events of a watch.
func take(t *testing.T, ctx context.Context, s store.Store, under string, after int64, n int, first func()) []store.Event {
	t.Helper()
	var got []store.Event
	if first != nil {
		first()
	}
	for evs, err := range s.Watch(ctx, under, after) {
		if err != nil {
			t.Fatalf("watch, after %d of %d events: %v", len(got), n, err)
		}
		if got = append(got, evs...); len(got) >= n {
			break
		}
	}
	return got
}

func gone(key string, revision int64) store.Event {
	return store.Event{Entry: store.Entry{Key: prefix + key, Revision: revision}, Deleted: true}
}

func watchFrom(t *testing.T, ctx context.Context, s store.Store, base int64) {
	put(t, ctx, s, store.Put{Key: "a", Value: value(1), Expect: 0})
	put(t, ctx, s, store.Put{Key: "b", Value: value(2), Expect: 0})
	put(t, ctx, s, store.Put{Key: "a", Value: value(3), Expect: store.Any})
	is(t, "delete", s.Delete(ctx, prefix+"b", store.Any), nil)
	all := []store.Event{
		{Entry: entry("a", 1, base+1, base+1)}, {Entry: entry("b", 2, base+2, base+2)},
		{Entry: entry("a", 3, base+3, base+1)}, gone("b", base+4),
	}
	for i := range all {
		same(t, fmt.Sprintf("from %d", i), all[i:], take(t, ctx, s, prefix, base+int64(i), len(all)-i, nil))
	}
}

func watchLive(t *testing.T, ctx context.Context, s store.Store, base int64) {
	const n = 50
	wrote := make(chan error, 1)
	got := take(t, ctx, s, prefix, base, n, func() {
		go func() {
			for i := range n {
				if _, err := s.Put(ctx, store.Put{Key: prefix + "a", Value: value(i), Expect: store.Any}); err != nil {
					wrote <- err
					return
				}
			}
			wrote <- nil
		}()
	})
	is(t, "writes", <-wrote, nil)
	for i, e := range got {
		same(t, "event", store.Event{Entry: entry("a", i, base+int64(i)+1, base+1)}, e)
	}
}

func watchPrefix(t *testing.T, ctx context.Context, s store.Store, base int64) {
	put(t, ctx, s, store.Put{Key: "b", Value: value(1), Expect: 0})
	put(t, ctx, s, store.Put{Key: "aa", Value: value(2), Expect: 0})
	same(t, "events", []store.Event{{Entry: entry("aa", 2, base+2, base+2)}}, take(t, ctx, s, prefix+"a", base, 1, nil))
}

func watchEnds(t *testing.T, ctx context.Context, s store.Store, base int64) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	put(t, ctx, s, store.Put{Key: "a", Value: value(1), Expect: 0})
	var last error
	for _, err := range s.Watch(ctx, prefix, base) {
		last = err
		cancel(why)
	}
	is(t, "watch", last, why)
}

func grant(t *testing.T, ctx context.Context, s store.Store, ttl time.Duration) store.LeaseID {
	t.Helper()
	id, err := s.Grant(ctx, ttl)
	if err != nil || id == 0 {
		t.Fatalf("grant: lease %d: %v", id, err)
	}
	return id
}

func leaseRevoked(t *testing.T, ctx context.Context, s store.Store, base int64) {
	id := grant(t, ctx, s, time.Hour)
	put(t, ctx, s, store.Put{Key: "b", Value: value(1), Lease: id})
	put(t, ctx, s, store.Put{Key: "a", Value: value(2), Lease: id})
	put(t, ctx, s, store.Put{Key: "c", Value: value(3)})
	e, err := s.Get(ctx, prefix+"a")
	is(t, "get", err, nil)
	same(t, "lease of the entry", id, e.Lease)
	is(t, "revoke", s.Revoke(ctx, id), nil)
	same(t, "events", []store.Event{gone("a", base+4), gone("b", base+4)}, take(t, ctx, s, prefix, base+3, 2, nil))
	is(t, "revoke again", s.Revoke(ctx, id), store.ErrNoLease)
	is(t, "renew", s.Renew(ctx, id), store.ErrNoLease)
	_, err = s.Put(ctx, store.Put{Key: prefix + "a", Value: value(4), Lease: id})
	is(t, "put under a lease that is over", err, store.ErrNoLease)
	same(t, "revision", base+5, put(t, ctx, s, store.Put{Key: "c", Value: value(5), Expect: base + 3}))
}

func leaseExpires(t *testing.T, ctx context.Context, s store.Store, base int64) {
	put(t, ctx, s, store.Put{Key: "a", Value: value(1), Lease: grant(t, ctx, s, time.Second)})
	same(t, "events", []store.Event{gone("a", base+2)}, take(t, ctx, s, prefix, base+1, 1, nil))
}

func leaseRenewed(t *testing.T, ctx context.Context, s store.Store, base int64) {
	const ttl = 4 * time.Second // the machine may be busy
	id := grant(t, ctx, s, ttl)
	put(t, ctx, s, store.Put{Key: "a", Value: value(1), Lease: id})
	tick := time.NewTicker(ttl / 4)
	defer tick.Stop()
	for range 6 { // one and a half times its life
		<-tick.C
		is(t, "renew", s.Renew(ctx, id), nil)
	}
	_, err := s.Get(ctx, prefix+"a")
	is(t, "get", err, nil)
}

func leaseDetached(t *testing.T, ctx context.Context, s store.Store, base int64) {
	id := grant(t, ctx, s, time.Hour)
	put(t, ctx, s, store.Put{Key: "a", Value: value(1), Lease: id})
	put(t, ctx, s, store.Put{Key: "a", Value: value(2), Expect: store.Any})
	is(t, "revoke", s.Revoke(ctx, id), nil)
	e, err := s.Get(ctx, prefix+"a")
	is(t, "get", err, nil)
	same(t, "entry", entry("a", 2, base+2, base+1), e)
}

func leaseUnknown(t *testing.T, ctx context.Context, s store.Store, base int64) {
	const id = 4711
	is(t, "renew", s.Renew(ctx, id), store.ErrNoLease)
	is(t, "revoke", s.Revoke(ctx, id), store.ErrNoLease)
	_, err := s.Put(ctx, store.Put{Key: prefix + "a", Value: value(1), Lease: id})
	is(t, "put", err, store.ErrNoLease)
	_, err = s.Grant(ctx, 0)
	is(t, "grant for no time", err, store.ErrRefused)
	_, err = s.Get(ctx, prefix+"a")
	is(t, "get", err, store.ErrNotFound)
}

func follow(t *testing.T, ctx context.Context, s store.Store, base int64) {
	put(t, ctx, s, store.Put{Key: "a", Value: value(1), Expect: 0})
	first := true
	for u, err := range store.Follow(ctx, s, prefix) {
		is(t, "follow", err, nil)
		if first {
			if u.Reset == nil {
				t.Fatal("no listing at first")
			}
			same(t, "listing", []store.Entry{entry("a", 1, base+1, base+1)}, u.Reset.Entries)
			put(t, ctx, s, store.Put{Key: "b", Value: value(2), Expect: 0})
			first = false
			continue
		}
		same(t, "changes", []store.Event{{Entry: entry("b", 2, base+2, base+2)}}, u.Changes)
		return
	}
}

func contextOver(t *testing.T, ctx context.Context, s store.Store, base int64) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(why)
	_, err := s.Get(ctx, prefix+"a")
	is(t, "get", err, why)
	_, err = s.List(ctx, prefix)
	is(t, "list", err, why)
	_, err = s.Put(ctx, store.Put{Key: prefix + "a", Value: value(1), Expect: store.Any})
	is(t, "put", err, why)
}
