package engine

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
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

// timeout is the deadline of one attempt.
func (t *visit) timeout() time.Duration {
	if t.e.Timeout > 0 {
		return t.e.Timeout
	}
	return t.opts.Timeout
}

// log is a logger that names the resource. It costs next to nothing until something is logged, which is seldom.
func (t *visit) log() *slog.Logger {
	return slog.New(naming{t.opts.Log.Handler(), t.e.Addr})
}

// naming is a slog.Handler that adds the resource.
type naming struct {
	to       slog.Handler
	resource resources.Address
}

func (n naming) Enabled(ctx context.Context, l slog.Level) bool { return n.to.Enabled(ctx, l) }
func (n naming) WithAttrs(attrs []slog.Attr) slog.Handler       { return n.handler().WithAttrs(attrs) }
func (n naming) WithGroup(name string) slog.Handler             { return n.handler().WithGroup(name) }

func (n naming) Handle(ctx context.Context, r slog.Record) error {
	return n.handler().Handle(ctx, r)
}

func (n naming) handler() slog.Handler {
	return n.to.WithAttrs([]slog.Attr{slog.Any("resource", n.resource)})
}

// attempt calls fn with the resource's deadline, in a goroutine that is left behind if it does not come back in time. A panic in a resource fails that resource.
func (t *visit) attempt(ctx context.Context, fn func(context.Context) error) error {
	_, err := attempt(ctx, t, func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) })
	return err
}

// attempt is [visit.attempt] for an fn with a value. It comes back through a channel: an fn that was left behind must not write to what its caller reads.
func attempt[T any](ctx context.Context, t *visit, fn func(context.Context) (T, error)) (T, error) {
	after, start := t.timeout(), time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, after, &TimeoutError{after})
	defer cancel()
	l := &loan{slot: t.slot}
	ctx = resources.WithLog(host.WithWaiter(ctx, l), t.log())
	ctx = resources.WithTell(ctx, func(what string) { t.running(t.e.Addr, t.opts.Scrub(what)) })
	done := make(chan ended[T], 1)
	t.hands.do(func() {
		var e ended[T]
		defer func() {
			if p := recover(); p != nil {
				e.err = fmt.Errorf("internal error: %v\n%s", p, debug.Stack())
			}
			done <- e
		}()
		e.value, e.err = fn(ctx)
	})
	select {
	case e := <-done:
		return e.value, e.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case e := <-done: // it may have ended well just as the deadline passed: what it did is done
		return e.value, e.err
	case <-late.C:
		t.stuck = true
		l.abandon()
		var none T
		return none, fmt.Errorf("%w, and hangs still in the kernel", &TimeoutError{time.Since(start).Round(time.Second)})
	}
}

// hands are goroutines that make attempts. One that is free is used again, because its stack has grown to what a check takes.
type hands struct{ tasks chan func() }

// do calls task in a goroutine.
func (h hands) do(task func()) {
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

// rest ends the goroutines that are free, and the others once they are.
func (h hands) rest() { close(h.tasks) }

// ended is how an attempt ended.
type ended[T any] struct {
	value T
	err   error
}

// loan lends a visit's slot for the waits of one attempt, until the attempt is abandoned.
type loan struct {
	mu   sync.Mutex
	slot graph.Slot
	out  int // waits under way
	gone bool
}

// Wait implements host.Waiter.
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

// Quiet implements host.Waiter. For an attempt that was abandoned all is quiet: the walk may have ended.
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
