package attempt

import (
	"sync"

	"github.com/nodeapply/apply/graph"
)

// loan lends a visit's slot for the waits of one attempt, until the attempt is abandoned. Several goroutines of an attempt may wait at once. None is kept
// from its wait by one that is to get the slot back: what it does in its wait, such as to sync for others too, may be what who has the slot waits for.
type loan struct {
	slot  graph.Slot
	clock *clock

	mu   sync.Mutex
	out  int           // waits under way
	lent bool          // until the slot is back
	back chan struct{} // closed when it is back; nil unless somebody gets it back
	gone bool
}

// Wait implements waiting.Scheduler.
func (l *loan) Wait(wait func()) {
	l.mu.Lock()
	if !l.gone {
		if !l.lent {
			l.slot.Lend()
			l.lent = true
		}
		l.out++
	}
	l.mu.Unlock()
	wait()
	l.mu.Lock()
	if l.out--; l.gone || l.out > 0 {
		l.mu.Unlock()
		return
	}
	l.resume()
}

// resume gets the slot back, if it is lent. It unlocks mu.
func (l *loan) resume() {
	back := l.back
	if !l.lent || back != nil {
		l.mu.Unlock()
		if back != nil {
			<-back
		}
		return
	}
	back = make(chan struct{})
	l.back = back
	l.mu.Unlock()
	l.clock.still(l.slot.Resume)
	l.mu.Lock()
	l.lent, l.back = false, nil
	l.mu.Unlock()
	close(back)
}

// Quiet implements waiting.Scheduler. For an attempt that was abandoned all is quiet: the walk may have ended.
func (l *loan) Quiet() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		quiet := make(chan struct{})
		close(quiet)
		return quiet
	}
	return l.slot.Quiet()
}

// abandon gets the slot back for the visit, whatever the attempt still does.
func (l *loan) abandon() {
	l.mu.Lock()
	l.gone = true
	l.resume()
}
