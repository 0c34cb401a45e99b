package graph

import "sync"

// queue is what is ready to be visited, and the slots to visit it in. The goroutine that owns the walk adds what is ready. Who gives a slot back hands it
// on by itself: if that were left to the owner, a processor would be idle until the owner has one.
type queue struct {
	workers int             // slots there are
	most    int             // visits that may be under way at once, with a slot or without
	start   func(v int)     // begins the visit of v, and returns at once
	stir    chan<- struct{} // of one element: wakes the owner, to look what is ready and whether all is quiet

	mu        sync.Mutex
	ready     minHeap
	free      int             // slots nobody holds
	flying    int             // visits under way
	returning []chan struct{} // visits that want their slot back, oldest first
	listening []chan struct{} // who wants to know when all is quiet
}

// add adds what is ready. It starts nothing.
func (q *queue) add(v int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready.push(v)
}

// sole takes the vertex that is ready where there is one alone and nothing is under way.
func (q *queue) sole() (v int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free < q.workers || q.flying > 0 || len(q.ready) != 1 {
		return 0, false
	}
	return q.ready.pop(), true
}

// below says that something lower than v is ready.
func (q *queue) below(v int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ready) > 0 && q.ready[0] < v
}

// fill hands out the slots that are free.
func (q *queue) fill() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.grant()
}

// next ends the slot of a visit that has ended, or returns what to visit in it. Where there is one slot it is kept until the owner knows what became
// ready: then the walk is the order.
func (q *queue) next() (v int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.workers == 1 {
		return 0, false
	}
	if len(q.returning) == 0 && q.startable() {
		return q.take(), true
	}
	q.release()
	return 0, false
}

// ended is what the owner knows of a visit that has ended.
func (q *queue) ended() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flying--
	if q.workers == 1 {
		q.free++
	}
}

// lend gives back the slot of a visit that waits.
func (q *queue) lend() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release()
}

// claim takes a slot. It returns nil, or a channel that is closed once the slot is there.
func (q *queue) claim() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return nil
	}
	back := make(chan struct{})
	q.returning = append(q.returning, back)
	return back
}

// listen takes in a channel that tell is to close.
func (q *queue) listen(quiet chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.listening = append(q.listening, quiet)
	q.wake()
}

// calm says that tell would close channels.
func (q *queue) calm() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.quiet()
}

// tell closes the channels of those who listen, if nobody holds a slot.
func (q *queue) tell() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.quiet() {
		return
	}
	for _, c := range q.listening {
		close(c)
	}
	q.listening = nil
}

// These are called with mu held.

// release gives a slot back. Where nothing is there to take it, the owner may have something brief, and all may be quiet.
func (q *queue) release() {
	q.free++
	if q.grant(); q.free > 0 {
		q.wake()
	}
}

// grant hands out the free slots: first to visits that want theirs back, so that what was begun ends, then to new ones.
func (q *queue) grant() {
	for ; q.free > 0 && len(q.returning) > 0; q.free-- {
		close(q.returning[0])
		q.returning = q.returning[1:]
	}
	for ; q.free > 0 && q.startable(); q.free-- {
		q.start(q.take())
	}
}

// take begins a visit: of the lowest that is ready.
func (q *queue) take() int {
	q.flying++
	return q.ready.pop()
}

func (q *queue) startable() bool { return len(q.ready) > 0 && q.flying < q.most }

// quiet says that somebody listens and nobody holds a slot.
func (q *queue) quiet() bool { return len(q.listening) > 0 && q.free == q.workers }

// wake has the owner look around.
func (q *queue) wake() {
	select {
	case q.stir <- struct{}{}:
	default: // it has yet to look
	}
}
