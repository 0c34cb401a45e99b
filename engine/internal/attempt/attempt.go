// Package attempt does what a resource asks for within a deadline, whatever it hangs in, and lends its slot of the walk while it waits.
package attempt

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host/waiting"
)

// grace is how long an attempt whose deadline has passed may take to end its commands (TERM, then KILL after 5 seconds) before it is abandoned:
// it then hangs in a system call that nothing ends, such as a stat on a dead network mount.
const grace = 8 * time.Second

// TimeoutError says that an attempt did not end in time.
type TimeoutError struct{ After time.Duration }

// Error is "timed out after 5m0s".
func (e *TimeoutError) Error() string { return fmt.Sprintf("timed out after %v", e.After) }

// Timeout marks the error as one of time, as in package net.
func (e *TimeoutError) Timeout() bool { return true }

// Do calls fn with a context that ends after the given time, and that lends the slot for fn's waits. For how long fn then waits to have a slot again does not
// count. An fn that does not come back in time, with some grace, is left behind: stuck. A panic in it is an error.
func Do[T any](ctx context.Context, h Hands, slot graph.Slot, after time.Duration, fn func(context.Context) (T, error)) (value T, stuck bool, err error) {
	start := time.Now()
	c := newClock(ctx, after)
	defer c.stop()
	l := newLoan(slot, c, h)
	ctx = waiting.With(c, l)
	done := make(chan ended[T], 1) // an fn that was left behind must not write to what its caller reads
	h.do(func() {
		var e ended[T]
		defer func() { done <- e }()
		e.value, e.err = Guarded(func() (T, error) { return fn(ctx) })
	})
	select {
	case e := <-done:
		return e.value, false, e.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case e := <-done: // it may have ended well just as the deadline passed: what it did is done
		return e.value, false, e.err
	case <-late.C:
		l.abandon()
		return value, true, fmt.Errorf("%w, and hangs still in the kernel", &TimeoutError{time.Since(start).Round(time.Second)})
	}
}

// Guarded calls fn. A panic in it is an error, whose detail is the stack.
func Guarded[T any](fn func() (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, string(debug.Stack())}
		}
	}()
	return fn()
}

// panicError says that a resource panicked. Its text is the summary; where that was is apart.
type panicError struct {
	value any
	stack string
}

func (e *panicError) Error() string  { return fmt.Sprintf("internal error: %v", e.value) }
func (e *panicError) Detail() string { return e.stack }

// ended is how an attempt ended.
type ended[T any] struct {
	value T
	err   error
}

// Hands are goroutines that make attempts. One that is free is used again, because its stack has grown to what a check takes.
type Hands struct {
	tasks   chan func()
	helpers chan struct{} // a token for each
}

// NewHands returns Hands that may be used by several goroutines, until Rest. All attempts together have so many helpers at a time.
func NewHands(helpers int) Hands { return Hands{make(chan func()), make(chan struct{}, helpers)} }

// do calls task in a goroutine.
func (h Hands) do(task func()) {
	select {
	case h.tasks <- task:
	default:
		go func() {
			for ; task != nil; task = <-h.tasks {
				task()
			}
		}()
	}
}

// Rest ends the goroutines that are free, and the others once they are.
func (h Hands) Rest() { close(h.tasks) }
