package attempt

import (
	"sync"

	"github.com/nodeapply/apply/graph"
)

// loan lends a visit's slot for the waits of one attempt, until the attempt is abandoned.
type loan struct {
	mu   sync.Mutex
	slot graph.Slot
	out  int // waits under way
	gone bool
}

// Wait implements waiting.Scheduler.
func (l *loan) Wait(wait func()) {
	l.mu.Lock()
	if !l.gone {
		if l.out == 0 {
			l.slot.Lend()
		}
		l.out++
	}
	l.mu.Unlock()
	wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return
	}
	if l.out--; l.out == 0 {
		l.slot.Resume()
	}
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
	defer l.mu.Unlock()
	l.gone = true
	if l.out > 0 {
		l.slot.Resume()
	}
}
