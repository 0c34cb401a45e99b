package cell

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
)

var key = name.Key{Kind: name.KindFact, Deployment: "d", Node: "a", Name: "up"}

// forgetful is a store that writes, and whose answer is lost every other time.
type forgetful struct {
	store.Store
	puts int
}

func (f *forgetful) Put(ctx context.Context, p store.Put) (int64, error) {
	rev, err := f.Store.Put(ctx, p)
	if f.puts++; f.puts%2 == 1 && err == nil {
		return 0, store.ErrUnavailable
	}
	return rev, err
}

func TestAPutWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		c := New(&forgetful{Store: hub}, key)
		for i := range 4 {
			if err := c.Put(t.Context(), fmt.Appendf(nil, `{"status":"ok","value":%d}`, i), 0, Anything); err != nil {
				t.Fatal(err)
			}
		}
		events := 0
		l, err := hub.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for evs, err := range hub.Watch(t.Context(), key.String(), 1) {
			if err != nil {
				t.Fatal(err)
			}
			if events += len(evs); evs[len(evs)-1].Revision == l.Revision {
				break
			}
		}
		if events != 4 || c.Revision() != l.Revision {
			t.Errorf("%d writes, want 4; revision %d, want %d", events, c.Revision(), l.Revision)
		}
	})
}

func TestWhatAnotherHasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		put := func(c *Cell, value string, other func(store.Entry) error) error {
			return c.Put(t.Context(), []byte(value), 0, other)
		}
		mine := New(hub, key)
		if err := put(mine, "1", Anything); err != nil {
			t.Fatal(err)
		}
		if err := put(New(hub, key), "2", Anything); err != nil {
			t.Fatal(err)
		}
		seen, refused := "", errors.New("it is another's")
		if err := put(mine, "3", func(e store.Entry) error { seen = string(e.Value); return refused }); !errors.Is(err, refused) {
			t.Errorf("want %v, got %v", refused, err)
		}
		e, err := hub.Get(t.Context(), key.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"2", "2"}, []string{seen, string(e.Value)}); diff != "" {
			t.Errorf("what was seen, and what stands: %s", diff)
		}
		if err := put(mine, "3", Anything); err != nil {
			t.Fatal(err)
		}
		if e, err = hub.Get(t.Context(), key.String()); err != nil || string(e.Value) != "3" {
			t.Errorf("it is %q, %v", e.Value, err)
		}
	})
}

// TestRestore: what was written last comes again where it has gone, but for what was under a lease.
func TestRestore(t *testing.T) {
	hub := ledgertest.Hub(t)
	lease, err := hub.Grant(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := New(hub, key)
	for _, step := range []struct {
		name, put string
		lease     store.LeaseID
		want      string
	}{
		{"nothing was written", "", 0, ""},
		{"a value", "1", 0, "1"},
		{"another", "2", 0, "2"},
		{"under a lease", "3", lease, ""},
		{"no longer", "4", 0, "4"},
	} {
		if step.put != "" {
			if err := c.Put(t.Context(), []byte(step.put), step.lease, Anything); err != nil {
				t.Fatal(err)
			}
		}
		if err := hub.Delete(t.Context(), key.String(), store.Any); err != nil {
			t.Fatal(err)
		}
		if err := c.Restore(t.Context()); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		before, _ := hub.Get(t.Context(), key.String())
		if err := c.Restore(t.Context()); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		after, _ := hub.Get(t.Context(), key.String())
		if string(before.Value) != step.want || after.Revision != before.Revision {
			t.Errorf("%s: %q at %d, then %d", step.name, before.Value, before.Revision, after.Revision)
		}
	}
}
