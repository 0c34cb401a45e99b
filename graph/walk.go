package graph

import (
	"context"
	"runtime"
	"time"
)

// Visitor is told of the vertices of a walk.
type Visitor interface {
	// Ready is called when all predecessors of v have ended, before v is visited, by the goroutine that owns the walk: never twice at a time.
	Ready(v int)
	// Brief says of a vertex, after Ready, that its visit is over in a moment and waits for nobody: the goroutine that owns the walk then makes it
	// itself, beside the slots.
	Brief(v int) bool
	// Visit is called once for each vertex, while it holds one of the walk's slots, beside other visits. It may hand a wait for
	// somebody else to slot.Wait, which lends the slot to another visit meanwhile.
	Visit(ctx context.Context, v int, slot Slot)
	// Done is called after Visit(v) has returned and before any successor of v is ready, by the goroutine that owns the walk.
	Done(v int)
}

// Walk visits every vertex of an acyclic graph after its predecessors, with at most workers slots busy at a time, the lowest ready
// vertex first. At most flying visits are under way at once, those that wait without a slot included: each holds a stack, and perhaps files.
// It returns when every visit has returned. It always visits all: a visitor that is to stop returns at once from the visits that are left.
//
// One goroutine, the caller's, owns all state of the walk but the queue of what is ready; visits send back what ended.
func (g *Graph) Walk(ctx context.Context, workers, flying int, vis Visitor) {
	g.walk(ctx, workers, flying, vis)
}

// walk is Walk. It returns how many events it took in and edges it followed.
func (g *Graph) walk(ctx context.Context, workers, flying int, vis Visitor) (steps int) {
	todo := g.countdown()
	workers = max(workers, 1)
	stir := make(chan struct{}, 1)
	w := walk{ended: make(chan int, workers+16), next: make(chan int)}
	defer close(w.next)
	w.queue = queue{workers: workers, free: workers, most: max(workers, flying), stir: stir, start: func(v int) {
		select {
		case w.next <- v: // to a goroutine whose stack has grown to what a visit takes
		default:
			go w.visits(ctx, vis, v)
		}
	}}
	var brief minHeap
	ready := func(v int) {
		vis.Ready(v)
		if vis.Brief(v) {
			brief.push(v)
		} else {
			w.queue.add(v)
		}
	}
	for v := range todo.first() {
		ready(v)
	}
	inline := func() (v int, ok bool) {
		switch {
		case len(brief) == 0:
			// Where nothing else can start until it has ended, a visit needs no goroutine: in a chain, none does.
			return w.queue.sole()
		case w.queue.below(brief[0]):
			return 0, false
		}
		return brief.pop(), true
	}
	for left := g.Len(); left > 0; {
		v, ok := inline()
		if ok {
			vis.Visit(ctx, v, Slot{})
		} else {
			w.queue.fill()
			w.hush()
			select {
			case v = <-w.ended:
				w.queue.ended()
			case <-stir:
				continue
			}
		}
		left--
		vis.Done(v)
		for next := range todo.after(v) {
			ready(next)
		}
		steps++
	}
	return steps + todo.followed
}

type walk struct {
	queue queue
	ended chan int
	next  chan int // vertices, for visiting goroutines that are free
}

// hush closes the channels of [Slot.Quiet] once all visits that are under way wait, and none that has ended is left to be taken in. It lets other goroutines
// run before: a visit whose wait has just ended may not have come to say so.
func (w *walk) hush() {
	for range 2 {
		if len(w.ended) > 0 || !w.queue.calm() {
			return
		}
		runtime.Gosched()
	}
	if len(w.ended) == 0 {
		w.queue.tell()
	}
}

// visits visits v, and then what comes next, until the walk is over.
func (w *walk) visits(ctx context.Context, vis Visitor, v int) {
	slot := Slot{queue: &w.queue, starved: new(time.Duration)}
	for ok := true; ok; {
		*slot.starved = 0
		vis.Visit(ctx, v, slot)
		w.ended <- v
		if v, ok = w.queue.next(); !ok {
			v, ok = <-w.next
		}
	}
}
