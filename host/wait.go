package host

import (
	"context"
	"time"
)

// Waiter is a scheduler's side of what its workers wait for.
type Waiter interface {
	// Wait calls wait, and lends the worker's place to somebody else meanwhile.
	Wait(wait func())
	// Quiet returns a channel that is closed once all workers wait.
	Quiet() <-chan struct{}
}

type waiterKey struct{}

// WithWaiter returns a context in which [Waiting] and [Gather] ask w.
func WithWaiter(ctx context.Context, w Waiter) context.Context {
	return context.WithValue(ctx, waiterKey{}, w)
}

// Waiting calls wait, which blocks on somebody else (a group commit, a lock, other nodes) and not on work of its own.
func Waiting(ctx context.Context, wait func()) {
	if w, ok := ctx.Value(waiterKey{}).(Waiter); ok {
		w.Wait(wait)
		return
	}
	wait()
}

// gathering bounds how long a group commit waits for others to join.
const gathering = 20 * time.Millisecond

// Gather returns when a group commit should begin: when nobody is left who might still join it soon, at once where nobody is. It is
// called within [Waiting].
func Gather(ctx context.Context) {
	w, ok := ctx.Value(waiterKey{}).(Waiter)
	if !ok {
		return
	}
	late := time.NewTimer(gathering)
	defer late.Stop()
	select {
	case <-w.Quiet():
	case <-late.C:
	}
}
