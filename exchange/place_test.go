package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

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
		x := deployment(t, &restarted{memory(t), at})
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
		r, err = x.Join(t.Context(), id, Plan{})
		if err != nil {
			t.Fatal(err)
		}
		defer end(t, r, "")
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
		x := deployment(t, memory(t))
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
		x := deployment(t, memory(t))
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
