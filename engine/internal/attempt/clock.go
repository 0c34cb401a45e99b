package attempt

import (
	"context"
	"sync"
	"time"
)

// clock is the context of an attempt, which it ends when the attempt's time is over. It stands still while the attempt could go on and has no slot: what
// others take is not the attempt's.
type clock struct {
	context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer

	mu   sync.Mutex
	ends time.Time
}

// newClock returns a clock that runs. Stop must be called.
func newClock(ctx context.Context, after time.Duration) *clock {
	c := &clock{ends: time.Now().Add(after)}
	c.Context, c.cancel = context.WithCancelCause(ctx)
	c.timer = time.AfterFunc(after, func() { c.cancel(&TimeoutError{after}) })
	return c
}

func (c *clock) stop() {
	c.timer.Stop()
	c.cancel(nil)
}

// still calls wait while the clock stands still, unless the time is over already.
func (c *clock) still(wait func()) {
	began, runs := time.Now(), c.timer.Stop()
	wait()
	if runs {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ends = c.ends.Add(time.Since(began))
		c.timer.Reset(time.Until(c.ends))
	}
}

// Deadline implements [context.Context]: it is when the time would be over if it went on from now on.
func (c *clock) Deadline() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d, ok := c.Context.Deadline(); ok && d.Before(c.ends) {
		return d, true
	}
	return c.ends, true
}
