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
	// Brief says of a vertex that is ready that its visit is over in a moment and waits for nobody: the goroutine that owns the walk then makes it
	// itself, beside the slots.
	Brief(v int) bool
	// Visit is called once for each vertex, while it holds one of the walk's slots, beside other visits. It may hand a wait for
	// somebody else to slot.Wait, which lends the slot to another visit meanwhile.
	Visit(ctx context.Context, v int, slot Slot)
	// Done is called after Visit(v) has returned and before any successor of v is ready, by the goroutine that owns the walk.
	Done(v int)
}

// Slot is the right of a visit to keep one of the walk's workers busy. A visit that waits for somebody else lends it. The zero Slot is that of a
// visit beside which there is no other.
type Slot struct {
	events  chan<- event
	starved *time.Duration
}

// Alone says that there is no other visit beside this one: it would wait for others in vain.
func (s Slot) Alone() bool { return s.events == nil }

// Lend gives the slot to another visit.
func (s Slot) Lend() {
	if s.events != nil {
		s.events <- event{kind: lent}
	}
}

// Resume returns when the visit has a slot again.
func (s Slot) Resume() {
	if s.events == nil {
		return
	}
	began := time.Now()
	resume := make(chan struct{})
	s.events <- event{kind: back, resume: resume}
	<-resume
	*s.starved += time.Since(began)
}

// Starved is for how long the visit has waited, until now, to have its slot back: what others took, not the visit.
func (s Slot) Starved() time.Duration {
	if s.starved == nil {
		return 0
	}
	return *s.starved
}

// Wait calls wait without holding the slot and returns when it has one again.
func (s Slot) Wait(wait func()) {
	s.Lend()
	wait()
	s.Resume()
}

// Quiet returns a channel that is closed once no visit holds a slot and none can start: all are waiting. Who gathers what many visits
// bring, to do it once for all, then waits in vain for more.
func (s Slot) Quiet() <-chan struct{} {
	quiet := make(chan struct{})
	if s.events == nil {
		close(quiet)
		return quiet
	}
	s.events <- event{kind: hush, resume: quiet}
	return quiet
}

type eventKind uint8

const (
	ended eventKind = iota
	lent
	back
	hush
)

type event struct {
	kind   eventKind
	v      int
	resume chan struct{}
}

// Walk visits every vertex of an acyclic graph after its predecessors, with at most workers slots busy at a time, the lowest ready
// vertex first. At most flying visits are under way at once, those that wait without a slot included: each holds a stack, and perhaps files. It returns when every visit has returned. It always visits all: a visitor that is to stop returns at once from the visits that are left.
//
// One goroutine, the caller's, owns all state of the walk; visits send back what ended.
func (g *Graph) Walk(ctx context.Context, workers, flying int, vis Visitor) {
	g.walk(ctx, workers, flying, vis)
}

// walk is Walk. It returns how many events it took in and edges it followed.
func (g *Graph) walk(ctx context.Context, workers, flying int, vis Visitor) (steps int) {
	in := g.indegrees()
	w := walk{events: make(chan event, workers+16), next: make(chan int), workers: max(workers, 1), free: max(workers, 1), most: max(workers, flying)}
	defer close(w.next)
	for v, n := range in {
		if n == 0 {
			vis.Ready(v)
			w.ready.push(v)
		}
	}
	end := func(v int) {
		vis.Done(v)
		for _, s := range g.succ[v] {
			steps++
			if in[s.To]--; in[s.To] == 0 {
				vis.Ready(s.To)
				w.ready.push(s.To)
			}
		}
	}
	for left := len(in); left > 0; {
		// Where nothing else can start until it has ended, a visit needs no goroutine: in a chain, none does.
		if len(w.ready) > 0 && (w.flying == 0 && len(w.ready) == 1 || vis.Brief(w.ready[0])) {
			v := w.ready.pop()
			vis.Visit(ctx, v, Slot{})
			steps++
			left--
			end(v)
			continue
		}
		w.start(ctx, vis)
		w.hush()
		e := <-w.events
		steps++
		switch e.kind {
		case lent:
			w.free++
		case back:
			w.returning = append(w.returning, e.resume)
		case hush:
			w.listening = append(w.listening, e.resume)
		case ended:
			w.free++
			w.flying--
			left--
			end(e.v)
		}
	}
	return steps
}

type walk struct {
	events    chan event
	next      chan int        // vertices, for visiting goroutines that are free
	workers   int             // slots there are
	free      int             // slots nobody holds
	flying    int             // visits under way, with a slot or without
	most      int             // of them at once
	returning []chan struct{} // visits that want their slot back, oldest first
	listening []chan struct{} // who wants to know when all is quiet
	ready     minHeap
}

// hush tells who listens, once nothing is under way that does not wait, and nothing that happened meanwhile is left to be taken in. Visits
// whose wait is over but that have not said so yet get a chance to.
func (w *walk) hush() {
	if len(w.listening) == 0 || w.free < w.workers {
		return
	}
	for range 2 {
		if len(w.events) > 0 {
			return
		}
		runtime.Gosched()
	}
	for _, c := range w.listening {
		close(c)
	}
	w.listening = nil
}

// start hands out the free slots: first to visits that want theirs back, so that what was begun ends, then to new ones.
func (w *walk) start(ctx context.Context, vis Visitor) {
	for ; w.free > 0 && len(w.returning) > 0; w.free-- {
		close(w.returning[0])
		w.returning = w.returning[1:]
	}
	for ; w.free > 0 && len(w.ready) > 0 && w.flying < w.most && !vis.Brief(w.ready[0]); w.free-- {
		v := w.ready.pop()
		w.flying++
		select {
		case w.next <- v: // to a goroutine whose stack has grown to what a visit takes
		default:
			go w.visits(ctx, vis, v)
		}
	}
}

// visits visits v, and then what comes next, until the walk is over.
func (w *walk) visits(ctx context.Context, vis Visitor, v int) {
	slot := Slot{events: w.events, starved: new(time.Duration)}
	for ok := true; ok; v, ok = <-w.next {
		*slot.starved = 0
		vis.Visit(ctx, v, slot)
		w.events <- event{kind: ended, v: v}
	}
}
