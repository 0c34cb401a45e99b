package attempt

import (
	"sync"

	"github.com/nodeapply/apply/graph"
)

// loan lends a visit's slot while all goroutines of one attempt wait, until the attempt is abandoned. None is kept from its wait by one that is to get
// the slot back: what it does in its wait, such as to sync for others too, may be what who has the slot waits for.
type loan struct {
	slot  graph.Slot
	clock *clock
	hands Hands

	mu   sync.Mutex
	busy int           // goroutines that do not wait
	lent bool          // until the slot is back
	back chan struct{} // closed when it is back; nil unless somebody gets it back
	gone bool
}

func newLoan(slot graph.Slot, c *clock, h Hands) *loan {
	return &loan{slot: slot, clock: c, hands: h, busy: 1}
}

// Wait implements waiting.Scheduler.
func (l *loan) Wait(wait func()) {
	l.rest()
	wait()
	l.mu.Lock()
	l.busy++
	if l.gone {
		l.mu.Unlock()
		return
	}
	l.resume()
}

// rest counts a goroutine less that is busy, and lends the slot after the last.
func (l *loan) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy--; l.busy <= 0 && !l.lent && !l.gone {
		l.slot.Lend()
		l.lent = true
	}
}

// Helper implements waiting.Scheduler.
func (l *loan) Helper() (left func(), ok bool) {
	select {
	case l.hands.helpers <- struct{}{}:
	default:
		return nil, false
	}
	l.mu.Lock()
	l.busy++
	l.mu.Unlock()
	return func() {
		l.rest()
		<-l.hands.helpers
	}, true
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
