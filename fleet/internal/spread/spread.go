// Package spread says from whom each of many nodes gets something that is passed on whole, as a program is that has to be there before its node can give
// it to others.
package spread

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Holders say from whom nodes get what is passed on whole: a node that has it all gives it to others, a few at a time. In each segment the first nodes get it
// from the seat, the others wait for them. Where those that got it are of no use to others the seat serves more and more at a time.
type Holders struct {
	// Patience is how long the seat's way to a node is counted: after it another node gets its turn there.
	Patience time.Duration

	mu       sync.Mutex
	segments map[string]*holding
}

// maxWidth is how many nodes of a segment get it from the seat at a time, at most.
const maxWidth = 64

// holding is what a segment has.
type holding struct {
	width, atSeat int // how many may get it from the seat, and how many do
	holders       []*Holder
	waiting       []*waiter
}

type waiter struct {
	turn   chan *Turn // of room 1
	atSeat bool       // it has no use for neighbours
}

// fanout is how many nodes get it from one at a time, and from the seat in a segment.
const fanout = 2

// Source is where a node gives it to others.
type Source struct {
	Name    string // by which people know it
	Address string // HOST:PORT, "" where it gives it to nobody
	Key     string // for the request
}

// Holder is a node that has it and gives it to others.
type Holder struct {
	Source

	of       *Holders
	in       *holding
	taking   int
	failures int
	leaving  bool          // when nobody needs it
	lost     bool          // nobody can get it from there
	forsaken chan struct{} // closed when it is let go
}

// gives tells whether others may begin to get it from there.
func (x *Holder) gives() bool { return !x.lost && x.failures < maxBlame }

// needed tells whether somebody gets it from there, or may come to.
func (x *Holder) needed() bool {
	return !x.lost && (x.taking > 0 || x.gives() && len(x.in.waiting) > 0)
}

// Turn is a node's turn to get it.
type Turn struct {
	From *Holder // nil: the seat

	again bool // no neighbour gave it

	of   *Holders
	in   *holding
	free func()      // gives the place at the seat back, once
	late *time.Timer // that does so before the turn ends
}

// Ask waits for a node's turn, at a neighbour where one has it, or at the seat.
func (h *Holders) Ask(ctx context.Context, segment string) (*Turn, error) {
	return h.ask(ctx, segment, &waiter{turn: make(chan *Turn, 1)})
}

// AskSeat waits for the turn at the seat of a node that has not got it from a neighbour.
func (h *Holders) AskSeat(ctx context.Context, segment string) (*Turn, error) {
	return h.ask(ctx, segment, &waiter{turn: make(chan *Turn, 1), atSeat: true})
}

func (h *Holders) ask(ctx context.Context, segment string, w *waiter) (*Turn, error) {
	h.mu.Lock()
	if h.segments == nil {
		h.segments = map[string]*holding{}
	}
	s := h.segments[segment]
	if s == nil {
		s = &holding{width: fanout}
		h.segments[segment] = s
	}
	s.waiting = append(s.waiting, w)
	h.dispatch(s)
	h.mu.Unlock()
	select {
	case t := <-w.turn:
		return t, nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(o *waiter) bool { return o == w })
	h.dispatch(s)
	h.mu.Unlock()
	select {
	case t := <-w.turn: // it came meanwhile
		t.Failed(false)
	default:
	}
	return nil, context.Cause(ctx)
}

// dispatch gives turns to those that wait, in the order in which they came.
func (h *Holders) dispatch(s *holding) {
	s.waiting = slices.DeleteFunc(s.waiting, func(w *waiter) bool {
		t := h.next(s, w.atSeat)
		if t != nil {
			w.turn <- t
		}
		return t != nil
	})
	s.holders = slices.DeleteFunc(s.holders, func(x *Holder) bool {
		over := (x.leaving || x.lost) && !x.needed()
		if over {
			close(x.forsaken)
		}
		return over
	})
}

// next is a free place, if there is one.
func (h *Holders) next(s *holding, atSeat bool) *Turn {
	var best *Holder
	for _, x := range s.holders {
		if x.gives() && x.taking < fanout && (best == nil || x.taking < best.taking) {
			best = x
		}
	}
	switch {
	case best != nil && !atSeat:
		best.taking++
		return &Turn{From: best, of: h, in: s}
	case s.atSeat < s.width && (atSeat || !slices.ContainsFunc(s.holders, (*Holder).gives)):
		s.atSeat++
		t := &Turn{again: atSeat, of: h, in: s}
		t.free = sync.OnceFunc(func() { s.atSeat-- })
		t.late = time.AfterFunc(h.Patience, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			t.free()
			h.dispatch(s)
		})
		return t
	}
	return nil
}

// Done ends a turn of a node that has it now. With an address it gives it to others until it leaves; the result is nil where it does not.
func (t *Turn) Done(src Source) *Holder {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	defer t.of.dispatch(t.in)
	t.end(false)
	if t.From == nil && (src.Address == "" || t.again) { // neighbours are of less use here
		t.in.width = min(2*t.in.width, maxWidth)
	}
	if src.Address == "" {
		return nil
	}
	x := &Holder{Source: src, of: t.of, in: t.in, forsaken: make(chan struct{})}
	t.in.holders = append(t.in.holders, x)
	return x
}

// Failed ends a turn of a node that has not got it. A neighbour that is to blame twice gives it to nobody more.
func (t *Turn) Failed(blame bool) {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	defer t.of.dispatch(t.in)
	t.end(blame)
}

// maxBlame is how many nodes may not get it from a neighbour before that one is left.
const maxBlame = 2

func (t *Turn) end(blame bool) {
	if t.From == nil {
		t.late.Stop()
		t.free()
		return
	}
	t.From.taking--
	if blame {
		t.From.failures++
	}
}

// Gone says that a holder is lost: nobody gets it from there any more.
func (x *Holder) Gone() {
	x.of.mu.Lock()
	defer x.of.mu.Unlock()
	x.lost = true
	x.of.dispatch(x.in)
}

// Leave returns when nobody needs a holder any more: neither those that get it from there, nor those that wait for their turn. Or when ctx ends.
func (x *Holder) Leave(ctx context.Context) {
	x.of.mu.Lock()
	x.leaving = true
	x.of.dispatch(x.in)
	x.of.mu.Unlock()
	select {
	case <-x.forsaken:
	case <-ctx.Done():
		x.Gone()
	}
}
