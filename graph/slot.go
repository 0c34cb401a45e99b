package graph

import "time"

// Slot is the right of a visit to keep one of the walk's workers busy. A visit that waits for somebody else lends it. The zero Slot is that of a
// visit beside which there is no other.
type Slot struct {
	queue   *queue
	starved *time.Duration
}

// Alone says that there is no other visit beside this one: it would wait for others in vain.
func (s Slot) Alone() bool { return s.queue == nil }

// Lend gives the slot to another visit.
func (s Slot) Lend() {
	if s.queue != nil {
		s.queue.lend()
	}
}

// Resume returns when the visit has a slot again.
func (s Slot) Resume() {
	if s.queue == nil {
		return
	}
	if back := s.queue.claim(); back != nil {
		began := time.Now()
		<-back
		*s.starved += time.Since(began)
	}
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
	if s.queue == nil {
		close(quiet)
		return quiet
	}
	s.queue.listen(quiet)
	return quiet
}
