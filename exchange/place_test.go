package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// restarted is a store that was restarted: it knows no history from before.
type restarted struct {
	store.Store
	at int64 // at this revision
}

func (f *restarted) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]store.Event, error] {
	if after < f.at {
		return func(yield func([]store.Event, error) bool) { yield(nil, store.ErrCompacted) }
	}
	return f.Store.Watch(ctx, prefix, after)
}

func TestANodeThatBootedTakesItsPlaceAgain(t *testing.T) {
	t.Run("", func(t *testing.T) { takesItsPlaceAgain(t, 0) })
	t.Run("with the exchange", func(t *testing.T) { takesItsPlaceAgain(t, 4) }) // after the run, the node and its fact
}

func takesItsPlaceAgain(t *testing.T, at int64) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, &restarted{ledgertest.Hub(t), at})
		r, err := x.Join(t.Context(), identity("a"), Plan{Exports: exports("up")})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
			t.Fatal(err)
		}
		dead(r)
		id := identity("a")
		id.Boot = "boot-2"
		began := time.Now()
		var told error
		r, err = x.Join(store.WithAway(t.Context(), func(why error) { told = why }), id, Plan{})
		if err != nil {
			t.Fatal(err)
		}
		defer end(t, r, "")
		wants(t, "what it waits for", told, "a.example (boot boot-a, machine machine-a) run at the same time; the other is given 20s to end")
		if took := time.Since(began); took > x.timing.lease {
			t.Errorf("it took %s, longer than the lease of the run that died", took)
		}
		v, err := x.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f, _ := v.Fact("a", "up"); f.Stale != "stale: the node has booted since" {
			t.Errorf("a fact of the earlier boot is %q", f.Stale)
		}
	})
}

func TestTwoNodesWithOneName(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, ledgertest.Hub(t))
		join(t, x, "a", Plan{})
		other := identity("a")
		other.Boot, other.Machine, other.Address = "boot-2", "machine-2", "imposter.example"
		_, err := x.Join(t.Context(), other, Plan{})
		if !errors.Is(err, ErrTwins) {
			t.Errorf("error %v, want %v", err, ErrTwins)
		}
		wants(t, "twins", err, "a.example (boot boot-a, machine machine-a)", "imposter.example (boot boot-2, machine machine-2)")
	})
}

// dead is a run whose process was killed: nothing of it comes any more.
func dead(r *Run) {
	r.place.Stop()
	r.board.Stop()
}

func TestARunThatIsKilledIsNoDeadEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, ledgertest.Hub(t))
		w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b"}}
		a := join(t, x, "a", Plan{Waits: []record.Wait{w}})
		b, err := x.Join(t.Context(), identity("b"), Plan{Exports: exports("up")})
		if err != nil {
			t.Fatal(err)
		}
		dead(b)
		met := make(chan error, 1)
		go func() {
			_, err := waitFor(t, a, w, time.Hour)
			met <- err
		}()
		time.Sleep(10 * time.Minute) // made-up time
		synctest.Wait()
		b = join(t, x, "b", Plan{Exports: exports("up")})
		if err := b.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
			t.Fatal(err)
		}
		if err := <-met; err != nil {
			t.Error(err)
		}
	})
}

// TestAnExchangeThatLostItsData learns anew of every run that goes on: its node, what it does, and what it has exported.
func TestAnExchangeThatLostItsData(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		x := deployment(t, hub)
		a := join(t, x, "a", Plan{Exports: exports("up", "down", "short")})
		if err := errors.Join(a.Publish(t.Context(), "up", json.RawMessage("1"), 0), a.Publish(t.Context(), "up", json.RawMessage("2"), 0),
			a.Fail(t.Context(), "down", "exec.mk"), a.Publish(t.Context(), "short", json.RawMessage("1"), time.Hour)); err != nil {
			t.Fatal(err)
		}
		stands := func() map[string]string {
			t.Helper()
			v, err := x.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]string{}
			for _, n := range v.Nodes() {
				for _, f := range v.Facts(n) {
					fact, _ := v.Fact(n, f)
					out[n+" "+f] = string(fact.Status) + " " + string(fact.Value) + fact.Reason
				}
				if _, run := v.Node(n); run != nil {
					out[n] = strings.Join(v.Members("g"), ",") + " " + run.ID
				}
			}
			return out
		}
		want := map[string]string{"a": "a run-a", "a up": "ok 2", "a down": "failed exec.mk", "a short": "ok 1"}
		if diff := cmp.Diff(want, stands()); diff != "" {
			t.Error(diff)
		}
		synctest.Wait() // what the run still had to write must not come among what is deleted
		l, err := hub.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Entries {
			err := errors.Join(err, hub.Delete(t.Context(), e.Key, store.Any))
			if e.Lease != 0 {
				err = errors.Join(err, hub.Revoke(t.Context(), e.Lease))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute) // made-up time
		synctest.Wait()
		delete(want, "a short") // what has a ttl has gone with its lease
		if diff := cmp.Diff(want, stands()); diff != "" {
			t.Errorf("a minute later: %s", diff)
		}
	})
}
