package graph_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/graph/graphtest"
)

// probe is a visitor that checks what the walk promises.
type probe struct {
	t       *testing.T
	pred    [][]int
	done    []atomic.Bool
	busy    atomic.Int32
	most    atomic.Int32
	visits  atomic.Int32
	lend    func(v int) bool
	brief   func(v int) bool
	owner   atomic.Int32 // brief visits under way
	readyMu sync.Mutex
	ready   []bool
}

func newProbe(t *testing.T, g *graph.Graph) *probe {
	never := func(int) bool { return false }
	p := &probe{t: t, pred: make([][]int, g.Len()), done: make([]atomic.Bool, g.Len()), ready: make([]bool, g.Len()), lend: never, brief: never}
	for v := range g.Len() {
		for _, e := range g.Succ(v) {
			p.pred[e.To] = append(p.pred[e.To], v)
		}
	}
	return p
}

func (p *probe) Ready(v int) {
	p.readyMu.Lock()
	defer p.readyMu.Unlock()
	if p.ready[v] {
		p.t.Errorf("%d is ready twice", v)
	}
	p.ready[v] = true
}

func (p *probe) Done(v int) {
	if p.done[v].Swap(true) {
		p.t.Errorf("%d is done twice", v)
	}
}

func (p *probe) Brief(v int) bool { return p.brief(v) }

func (p *probe) enter() {
	n := p.busy.Add(1)
	for m := p.most.Load(); n > m && !p.most.CompareAndSwap(m, n); m = p.most.Load() {
	}
}

func (p *probe) Visit(_ context.Context, v int, slot graph.Slot) {
	p.visits.Add(1)
	if p.brief(v) {
		if slot != (graph.Slot{}) || p.owner.Add(1) > 1 {
			p.t.Errorf("%d is brief: want it visited by the goroutine that owns the walk", v)
		}
		defer p.owner.Add(-1)
	} else {
		p.enter()
		defer p.busy.Add(-1)
	}
	p.readyMu.Lock()
	if !p.ready[v] {
		p.t.Errorf("%d is visited and was not ready", v)
	}
	p.readyMu.Unlock()
	for _, u := range p.pred[v] {
		if !p.done[u].Load() {
			p.t.Errorf("%d is visited before %d is done", v, u)
		}
	}
	if !p.brief(v) && p.lend(v) {
		p.busy.Add(-1)
		slot.Wait(runtime.Gosched)
		p.enter()
	}
	runtime.Gosched()
}

func TestWalkOnRandomGraphs(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			g := graphtest.Random(rnd, 300, 3)
			p := newProbe(t, g)
			p.lend = func(v int) bool { return v%3 == 0 }
			briefs := uint64(rnd.IntN(4)) // none to most of them
			p.brief = func(v int) bool { return uint64(v)*0x9E3779B97F4A7C15>>62 < briefs }
			workers := 1 + rnd.IntN(8)
			g.Walk(t.Context(), workers, inFlight, p)
			if got := int(p.visits.Load()); got != g.Len() {
				t.Errorf("want %d visits, got %d", g.Len(), got)
			}
			if got := int(p.most.Load()); got > workers {
				t.Errorf("want at most %d busy, got %d", workers, got)
			}
		})
	}
}

// order records the order of visits with one worker.
type order struct {
	got           []int
	readied, done int
}

func (o *order) Ready(int)                                    { o.readied++ }
func (o *order) Done(int)                                     { o.done++ }
func (o *order) Brief(int) bool                               { return false }
func (o *order) Visit(_ context.Context, v int, _ graph.Slot) { o.got = append(o.got, v) }

func TestWalkOfOneWorkerIsTheOrder(t *testing.T) {
	g := graphtest.Parse("h>a c>b b>d")
	var o order
	g.Walk(t.Context(), 1, inFlight, &o)
	if diff := cmp.Diff(graphtest.Letters(g.Order()), graphtest.Letters(o.got)); diff != "" {
		t.Error(diff)
	}
}

// lender holds every visit back, without a slot, until all independent ones have begun.
type lender struct {
	order
	all   sync.WaitGroup
	begun atomic.Int32
}

func (l *lender) Visit(_ context.Context, _ int, slot graph.Slot) {
	l.begun.Add(1)
	l.all.Done()
	slot.Wait(l.all.Wait)
}

func TestWaitLendsTheSlot(t *testing.T) {
	l := &lender{}
	l.all.Add(100)
	graph.New(100).Walk(t.Context(), 1, inFlight, l) // would hang if a waiting visit kept its slot
	if got := l.begun.Load(); got != 100 {
		t.Errorf("want 100 visits, got %d", got)
	}
}

const inFlight = 1024

// committer lets all visits wait for a commit that one of them makes for all.
type committer struct {
	mu      sync.Mutex
	waiting []chan struct{}
	busy    bool
	commits []int // how many visits each was for
}

func (c *committer) Ready(int)      {}
func (c *committer) Done(int)       {}
func (c *committer) Brief(int) bool { return false }

func (c *committer) Visit(_ context.Context, _ int, slot graph.Slot) {
	done := make(chan struct{})
	c.mu.Lock()
	c.waiting = append(c.waiting, done)
	lead := !c.busy
	c.busy = true
	c.mu.Unlock()
	slot.Wait(func() {
		if lead {
			<-slot.Quiet()
			c.mu.Lock()
			for _, w := range c.waiting {
				close(w)
			}
			c.commits = append(c.commits, len(c.waiting))
			c.waiting, c.busy = nil, false
			c.mu.Unlock()
		}
		<-done
	})
}

func TestQuietIsWhenAllWait(t *testing.T) {
	for _, tc := range []struct {
		name    string
		n       int
		chain   bool
		workers int
		want    []int
	}{
		{"one", 1, false, 4, []int{1}},
		{"independent ones, one worker", 100, false, 1, []int{100}},
		{"independent ones, more workers", 100, false, 4, []int{100}},
		{"more than can be in flight", inFlight + 10, false, 2, []int{inFlight, 10}},
		{"a chain", 3, true, 4, []int{1, 1, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := graph.New(tc.n)
			for v := 1; tc.chain && v < tc.n; v++ {
				g.Connect(v-1, v, false)
			}
			var c committer
			g.Walk(t.Context(), tc.workers, inFlight, &c)
			// Visits whose wait has just ended may come a little late to the next commit.
			if c.commits[0] != tc.want[0] || len(c.commits) > 2*len(tc.want) {
				t.Errorf("commits of %v, want %v", c.commits, tc.want)
			}
		})
	}
}

// TestStepsAreLinear counts what a walk does on the shapes that make engines quadratic: for each vertex one event and
// one call of each kind, and each edge is followed once.
func TestStepsAreLinear(t *testing.T) {
	shapes := map[string]struct {
		n    int
		make func(g *graph.Graph, n int)
	}{
		"chain": {100_000, func(g *graph.Graph, n int) {
			for v := 1; v < n; v++ {
				g.Connect(v-1, v, false)
			}
		}},
		"fan": {100_000, func(g *graph.Graph, n int) {
			for v := 1; v < n-1; v++ {
				g.Connect(0, v, false)
				g.Connect(v, n-1, false)
			}
		}},
		"dense": {1000, func(g *graph.Graph, n int) {
			for v := range n {
				for u := range v {
					g.Connect(u, v, u%2 == 0)
				}
			}
		}},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			g := graph.New(shape.n)
			shape.make(g, shape.n)
			edges := 0
			for v := range g.Len() {
				edges += len(g.Succ(v))
			}
			var o order
			if got := graph.Steps(g, t.Context(), 1, inFlight, &o); got != shape.n+edges {
				t.Errorf("want a step for each of %d vertices and %d edges, got %d", shape.n, edges, got)
			}
			if diff := cmp.Diff([]int{shape.n, shape.n, shape.n}, []int{o.readied, len(o.got), o.done}); diff != "" {
				t.Errorf("ready, visited and done: %s", diff)
			}
			if !slices.Equal(o.got, g.Order()) {
				t.Error("the walk is not the order")
			}
		})
	}
}

func BenchmarkWalk(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		g := graph.New(n)
		for v := 1; v < n; v++ {
			g.Connect((v-1)/2, v, false)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Walk(b.Context(), 2, inFlight, nothing{})
			}
		})
	}
}

type nothing struct{}

func (nothing) Ready(int)                              {}
func (nothing) Done(int)                               {}
func (nothing) Brief(int) bool                         { return false }
func (nothing) Visit(context.Context, int, graph.Slot) {}

// held keeps the goroutine that owns the walk in what follows the first visit, until all others have begun, which none does before.
type held struct {
	order
	busy, rest chan struct{}
	begun      sync.WaitGroup
}

func (h *held) Visit(_ context.Context, v int, slot graph.Slot) {
	if v == 0 {
		return
	}
	<-h.busy
	h.begun.Done()
	slot.Wait(func() { <-h.rest })
}

func (h *held) Done(v int) {
	if v == 0 {
		close(h.busy)
		h.begun.Wait()
		close(h.rest)
	}
}

// TestSlotsGoRound while the goroutine that owns the walk is busy: it would hang if that one handed them out alone.
func TestSlotsGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &held{busy: make(chan struct{}), rest: make(chan struct{})}
		h.begun.Add(9)
		graph.New(10).Walk(t.Context(), 2, inFlight, h)
		if h.readied != 10 {
			t.Errorf("want 10 ready, got %d", h.readied)
		}
	})
}
