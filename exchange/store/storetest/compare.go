package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/store"
)

// Compare runs one random history of a seed on two stores and compares every answer, then all that each lists, and all that
// a watch from the beginning sees. Revisions are compared from where each began, leases by the order of their making.
func Compare(t *testing.T, seed uint64, steps int, oracle, s store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*deadline)
	defer cancel()
	h := history{rnd: rand.New(rand.NewPCG(seed, 0))}
	a, b := newPlayer(t, ctx, oracle), newPlayer(t, ctx, s)
	for i := range steps {
		step := h.next()
		want, got := step.on(ctx, a), step.on(ctx, b)
		if want != got {
			t.Fatalf("seed %d, step %d, %s: answered %q, the oracle %q", seed, i, step, got, want)
		}
	}
	if d := cmp.Diff(a.listing(t, ctx), b.listing(t, ctx)); d != "" {
		t.Errorf("seed %d: listing (-oracle +store):\n%s", seed, d)
	}
	if d := cmp.Diff(a.watched(t, ctx), b.watched(t, ctx)); d != "" {
		t.Errorf("seed %d: watch (-oracle +store):\n%s", seed, d)
	}
}

// step is one call of a random history.
type step struct {
	op     string
	key    string
	value  int
	expect string // any, none, present, older
	lease  int    // index of those granted; -1: none
}

func (s step) String() string {
	return fmt.Sprintf("%s %s value=%d expect=%s lease=%d", s.op, s.key, s.value, s.expect, s.lease)
}

type history struct {
	rnd    *rand.Rand
	n      int
	leases int
}

func (h *history) next() step {
	h.n++
	s := step{
		key:    prefix + string(rune('a'+h.rnd.IntN(5))),
		value:  h.n,
		expect: []string{"any", "any", "none", "present", "present", "older"}[h.rnd.IntN(6)],
		lease:  -1,
	}
	if h.leases > 0 && h.rnd.IntN(3) == 0 {
		s.lease = h.rnd.IntN(h.leases)
	}
	switch n := h.rnd.IntN(20); {
	case n < 9:
		s.op = "put"
	case n < 13:
		s.op = "delete"
	case n < 15:
		s.op = "get"
	case n < 17:
		s.op = "grant"
		h.leases++
	case n < 18 && s.lease >= 0:
		s.op = "revoke"
	case n < 19 && s.lease >= 0:
		s.op = "renew"
	default:
		s.op = "list"
	}
	return s
}

// player is one store with what is needed to compare it.
type player struct {
	s      store.Store
	base   int64
	leases []store.LeaseID
}

func newPlayer(t *testing.T, ctx context.Context, s store.Store) *player {
	return &player{s: s, base: clean(t, ctx, s)}
}

// on makes the call and gives its answer as text.
func (s step) on(ctx context.Context, p *player) string {
	lease := store.LeaseID(0)
	if s.lease >= 0 {
		lease = p.leases[s.lease]
	}
	switch s.op {
	case "put":
		rev, err := p.s.Put(ctx, store.Put{Key: s.key, Value: value(s.value), Expect: p.expect(ctx, s), Lease: lease})
		if err != nil {
			return kind(err)
		}
		return fmt.Sprint(rev - p.base)
	case "delete":
		return kind(p.s.Delete(ctx, s.key, p.expect(ctx, s)))
	case "get":
		e, err := p.s.Get(ctx, s.key)
		if err != nil {
			return kind(err)
		}
		return p.entry(e)
	case "grant":
		id, err := p.s.Grant(ctx, time.Hour)
		p.leases = append(p.leases, id)
		return kind(err)
	case "revoke":
		return kind(p.s.Revoke(ctx, lease))
	case "renew":
		return kind(p.s.Renew(ctx, lease))
	}
	l, err := p.s.List(ctx, s.key)
	return fmt.Sprintf("%s %d entries at %d", kind(err), len(l.Entries), l.Revision-p.base)
}

func (p *player) expect(ctx context.Context, s step) int64 {
	switch s.expect {
	case "any":
		return store.Any
	case "none":
		return 0
	}
	e, err := p.s.Get(ctx, s.key)
	if err != nil {
		return 0
	}
	if s.expect == "older" {
		return e.Revision - 1
	}
	return e.Revision
}

func kind(err error) string {
	for _, k := range []error{
		store.ErrNotFound, store.ErrConflict, store.ErrNoLease, store.ErrCompacted, store.ErrDenied, store.ErrRefused,
		store.ErrUnavailable,
	} {
		if errors.Is(err, k) {
			return k.Error()
		}
	}
	return fmt.Sprint(err)
}

func (p *player) entry(e store.Entry) string {
	lease := -1
	for i, id := range p.leases {
		if id == e.Lease {
			lease = i
		}
	}
	return fmt.Sprintf("%s=%s at %d since %d lease %d", e.Key, e.Value, e.Revision-p.base, e.Created-p.base, lease)
}

func (p *player) listing(t *testing.T, ctx context.Context) (out []string) {
	t.Helper()
	l, err := p.s.List(ctx, prefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.Entries {
		out = append(out, p.entry(e))
	}
	return append(out, fmt.Sprint("at ", l.Revision-p.base))
}

// watched writes a last key, so that a watch knows where to stop.
func (p *player) watched(t *testing.T, ctx context.Context) (out []string) {
	t.Helper()
	last, err := p.s.Put(ctx, store.Put{Key: prefix + "z", Value: value(0), Expect: store.Any})
	if err != nil {
		t.Fatal(err)
	}
	for evs, err := range p.s.Watch(ctx, prefix, p.base) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range evs {
			if e.Deleted {
				out = append(out, fmt.Sprintf("%s deleted at %d", e.Key, e.Revision-p.base))
			} else {
				out = append(out, p.entry(e.Entry))
			}
		}
		if evs[len(evs)-1].Revision >= last {
			break
		}
	}
	return out
}
