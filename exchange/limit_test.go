package exchange

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/internal/queue"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/store/storetest"
	"github.com/nodeapply/apply/exchange/view"
)

// census counts who is inside a limit, as who is inside knows it.
type census struct {
	mu      sync.Mutex
	inside  int
	most    int
	fences  []int64
	entries int
}

func (c *census) enter(fence int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside++
	c.entries++
	c.most = max(c.most, c.inside)
	c.fences = append(c.fences, fence)
}

func (c *census) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside--
}

// TestNeverMoreInside: nodes enter and leave a limit again and again; some die inside, some while they wait, some lose sight of the
// exchange. Never are there more inside than there may be, and the limit never stays shut.
func TestNeverMoreInside(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				hub := ledgertest.Hub(t)
				nodes, most := 2+rnd.IntN(6), 1+rnd.IntN(2)
				var c census
				var wg sync.WaitGroup
				for i := range nodes {
					s := seed*100 + uint64(i)
					wg.Go(func() { visitor(t, hub, fmt.Sprint("n", i), most, rand.New(rand.NewPCG(s, 2)), &c) })
				}
				wg.Wait()
				if c.most > most || c.most == 0 || c.inside != 0 {
					t.Errorf("%d inside at a time, at most %d; %d at the end", c.most, most, c.inside)
				}
				last := join(t, deployment(t, hub), "last", Plan{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // longer than the leases of the dead
				defer cancel()
				h, err := last.Enter(ctx, "restart", most, nil)
				if err != nil {
					t.Fatalf("it stays shut: %v", err)
				}
				for _, f := range c.fences {
					if f >= h.Fence {
						t.Errorf("fence %d, and %d before", h.Fence, f)
					}
				}
				if err := h.Leave(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// visitor is one node: five times it runs and enters the limit.
func visitor(t *testing.T, hub store.Store, node string, most int, rnd *rand.Rand, c *census) {
	t.Helper()
	for try := range 5 {
		b := &storetest.Deaf{Store: hub, Gone: make(chan struct{})}
		x, err := New(b, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		id := identity(node)
		id.Run = fmt.Sprint("run", try)
		r, err := x.Join(t.Context(), id, Plan{})
		if err != nil {
			t.Error(err)
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(600)+30)*time.Second)
		h, err := r.Enter(ctx, "restart", most, nil)
		cancel()
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			end(t, r, "")
			continue
		}
		c.enter(h.Fence)
		stay := time.NewTimer(time.Duration(rnd.IntN(60)) * time.Second)
		fate := rnd.IntN(4)
		if fate == 0 {
			close(b.Gone) // it loses sight of the exchange
		}
		select {
		case <-stay.C:
		case <-h.Inside().Done():
		}
		c.leave()
		if fate == 1 {
			dead(r)
			continue
		}
		if err := h.Leave(t.Context()); err != nil && !errors.Is(err, queue.ErrLost) {
			t.Error(err)
		}
		end(t, r, "")
	}
}

func TestWhoIsInsideIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		first, second := join(t, deployment(t, hub), "a", Plan{}), join(t, deployment(t, hub), "b", Plan{})
		h, err := first.Enter(t.Context(), "restart", 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		first.Doing("refreshing service.web")
		time.Sleep(time.Second) // made-up time
		var told []string
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = second.Enter(ctx, "restart", 1, func(inside []view.Place) { told = append(told, view.InsideText(inside)) })
		wants(t, "no place", err, "limit.restart: no place: inside: a (refreshing service.web): context deadline exceeded")
		if len(told) == 0 || told[0] != "inside: a (refreshing service.web)" {
			t.Errorf("told: %q", told)
		}
		if err := h.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		if h, err = second.Enter(t.Context(), "restart", 1, nil); err != nil {
			t.Fatalf("after a try that was given up: %v", err)
		}
		if err := h.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		_, err = first.Enter(t.Context(), "Re/start", 1, nil)
		if wants(t, "name", err, `limit "Re/start"`); !errors.Is(err, name.ErrName) {
			t.Errorf("got %v", err)
		}
	})
}
