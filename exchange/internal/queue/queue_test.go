package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/board"
	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/store/storetest"
	"github.com/nodeapply/apply/exchange/view"
)

func visitor(t *testing.T, s store.Store, node string) Visitor {
	t.Helper()
	b := board.New(s, "d")
	t.Cleanup(b.Stop)
	key := name.Key{Kind: name.KindLimit, Deployment: "d", Node: node, Name: "restart"}
	return Visitor{Store: s, Board: b, Key: key, Run: "run-" + node, Lease: 15 * time.Second, Life: context.Background()}
}

func TestALimitLetsInSoMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		const nodes, most = 6, 2
		inside, fences := make(chan int, 100), make(chan int64, nodes)
		done := make(chan error, nodes)
		count := make(chan int, 1)
		count <- 0
		for i := range nodes {
			v := visitor(t, hub, fmt.Sprint("n", i))
			go func() {
				h, err := Enter(t.Context(), v, most, nil)
				if err != nil {
					done <- err
					return
				}
				fences <- h.Fence
				n := <-count + 1
				count <- n
				inside <- n
				time.Sleep(time.Minute) // made-up time, longer than the lease
				count <- <-count - 1
				done <- h.Leave(t.Context())
			}()
		}
		began := time.Now()
		for range nodes {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		full := false
		for range nodes {
			n := <-inside
			full = full || n == most
			if n > most {
				t.Errorf("%d inside, at most %d", n, most)
			}
		}
		if !full || time.Since(began) > 4*time.Minute {
			t.Errorf("never full: %v, it took %s", !full, time.Since(began))
		}
		last := int64(0)
		for range nodes {
			f := <-fences
			if f == last {
				t.Errorf("fence %d twice", f)
			}
			last = f
		}
	})
}

// First come, first in; whoever gives up lets the next one pass.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		inside, err := Enter(t.Context(), visitor(t, hub, "z"), 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		entered := make(chan string)
		var ended sync.WaitGroup
		impatient, giveUp := context.WithCancelCause(t.Context())
		for _, node := range []string{"y", "a", "x", "b"} {
			ctx := t.Context()
			if node == "a" {
				ctx = impatient
			}
			v := visitor(t, hub, node)
			ended.Go(func() {
				h, err := Enter(ctx, v, 1, nil)
				if err != nil {
					entered <- node + ": " + err.Error()
					return
				}
				entered <- node
				time.Sleep(time.Second) // made-up time
				if err := h.Leave(t.Context()); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		giveUp(errors.New("enough"))
		got := []string{<-entered}
		if err := inside.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			got = append(got, <-entered)
		}
		if diff := cmp.Diff([]string{"a: limit.restart: no place: inside: z (no run there): enough", "y", "x", "b"}, got); diff != "" {
			t.Error(diff)
		}
		ended.Wait()
	})
}

// A place ends with the run that took it.
func TestLifeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visitor(t, ledgertest.Hub(t), "a")
		twin := errors.New("twin")
		life, end := context.WithCancelCause(t.Context())
		v.Life = life
		h, err := Enter(t.Context(), v, 1, func(inside []view.Place) { t.Errorf("inside: %v", inside) })
		if err != nil {
			t.Fatal(err)
		}
		end(twin)
		<-h.Inside().Done()
		if err := h.Leave(t.Context()); !errors.Is(err, twin) {
			t.Errorf("got %v", err)
		}
	})
}

func TestALostLeaseEndsWhatIsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		b := &storetest.Deaf{Store: hub, Gone: make(chan struct{})}
		h, err := Enter(t.Context(), visitor(t, b, "a"), 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		close(b.Gone)
		lost := make(chan time.Time, 1)
		go func() {
			<-h.Inside().Done()
			lost <- time.Now()
		}()
		h2, err := Enter(t.Context(), visitor(t, hub, "b"), 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		entered := time.Now()
		if at := <-lost; at.After(entered) {
			t.Errorf("the second entered at %s, the first was told at %s", entered, at)
		}
		if h2.Fence <= h.Fence {
			t.Errorf("fence %d after %d", h2.Fence, h.Fence)
		}
		if err := h.Leave(t.Context()); !errors.Is(err, ErrLost) {
			t.Errorf("leave: %v, want %v", err, ErrLost)
		}
		if err := h2.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
