package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// replaced is a store in whose place another may be put: whoever watches comes back to that one.
type replaced struct{ now atomic.Pointer[ledger.Hub] }

func (r *replaced) Get(ctx context.Context, key string) (store.Entry, error) {
	return r.now.Load().Get(ctx, key)
}
func (r *replaced) List(ctx context.Context, prefix string) (store.Listing, error) {
	return r.now.Load().List(ctx, prefix)
}
func (r *replaced) Put(ctx context.Context, p store.Put) (int64, error) {
	return r.now.Load().Put(ctx, p)
}
func (r *replaced) Delete(ctx context.Context, key string, expect int64) error {
	return r.now.Load().Delete(ctx, key, expect)
}
func (r *replaced) Grant(ctx context.Context, ttl time.Duration) (store.LeaseID, error) {
	return r.now.Load().Grant(ctx, ttl)
}
func (r *replaced) Renew(ctx context.Context, id store.LeaseID) error {
	return r.now.Load().Renew(ctx, id)
}
func (r *replaced) Revoke(ctx context.Context, id store.LeaseID) error {
	return r.now.Load().Revoke(ctx, id)
}
func (r *replaced) Close() error { return r.now.Load().Close() }

func (r *replaced) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]store.Event, error] {
	return func(yield func([]store.Event, error) bool) {
		for {
			for evs, err := range r.now.Load().Watch(ctx, prefix, after) {
				if errors.Is(err, store.ErrClosed) {
					break
				}
				if !yield(evs, err) || err != nil {
					return
				}
				after = evs[len(evs)-1].Revision
			}
		}
	}
}

// older is the log of a store of which a copy from before was brought back.
type older struct {
	ledger.Volatile
	was store.Listing
}

func (o older) Load(time.Time) (*ledger.Ledger, error) {
	return ledger.New(o.was.Revision, o.was.Entries, nil), nil
}

// TestAnOlderCopyIsBroughtBack, of a time in which earlier runs of the nodes had ended: those that go on have not lost their places, and who waits does not take
// what ended then for the last word.
func TestAnOlderCopyIsBroughtBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &replaced{}
		s.now.Store(ledgertest.Hub(t))
		x := deployment(t, s)
		for _, n := range []string{"a", "b"} {
			id := identity(n)
			id.Run = "earlier"
			r, err := x.Join(t.Context(), id, Plan{})
			if err != nil {
				t.Fatal(err)
			}
			end(t, r, "")
		}
		was, err := s.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		w := record.Wait{Name: "w", Fact: "up", Group: "g", Min: 2}
		a, b := join(t, x, "a", Plan{Waits: []record.Wait{w}, Exports: exports("up")}), join(t, x, "b", Plan{Exports: exports("up")})
		met := make(chan error, 1)
		go func() {
			_, err := waitFor(t, a, w, time.Hour)
			met <- err
		}()
		if err := a.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // made-up time
		hub, err := ledger.NewHub(older{was: was}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { hub.Close() })
		s.now.Swap(hub).Close()
		time.Sleep(time.Minute)
		if err := b.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
			t.Fatal(err)
		}
		if err := <-met; err != nil {
			t.Error(err)
		}
		end(t, a, "")
		end(t, b, "")
	})
}
