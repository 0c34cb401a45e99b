package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

// stopper says whether anything new may start.
type stopper struct {
	outside <-chan struct{} // closed by an interrupt
	mu      sync.Mutex
	because string // the resource that failed, with --fail-fast
	fatal   error  // the journal cannot be written
	begun   bool   // a change was recorded, so that something was touched
}

// stopped returns why nothing new may start and the address to blame; "" if it may.
func (s *stopper) stopped() (reason, because string) {
	select {
	case <-s.outside:
		return "interrupted", ""
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fatal != nil:
		return s.fatal.Error(), ""
	case s.because != "":
		return "fail-fast", s.because
	}
	return "", ""
}

// err is a [stoppedError] if nothing new may start.
func (s *stopper) err() error {
	if reason, because := s.stopped(); reason != "" {
		return &stoppedError{reason, because}
	}
	return nil
}

// stoppedError says that nothing new may start, so that a change was not made.
type stoppedError struct{ reason, because string }

func (e *stoppedError) Error() string { return e.reason }

// interruptible calls apply, whose context an interrupt ends if all that it does is to wait: it then counts as not begun.
func (t *visit) interruptible(ctx context.Context, apply func(context.Context) error) error {
	if _, ok := t.e.Resource.(resources.Waiter); !ok {
		return apply(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-t.stop.outside:
			reason, because := t.stop.stopped()
			cancel(&stoppedError{reason, because})
		case <-ctx.Done():
		}
	}()
	err := apply(ctx)
	var stopped *stoppedError
	interrupted := errors.As(context.Cause(ctx), &stopped)
	cancel(nil)
	<-ended
	if err != nil && interrupted {
		return stopped
	}
	return err
}

// failed lets nothing new start because a resource failed.
func (s *stopper) failed(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.because == "" {
		s.because = address
	}
}

// recorded takes note of how the recording of a change went. A change that could not be recorded is not made, and no other.
func (s *stopper) recorded(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.begun = true
	case s.fatal == nil:
		s.fatal = err
	}
}

// sleep waits for d without holding the slot.
func sleep(ctx context.Context, slot graph.Slot, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	slot.Wait(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	})
	return context.Cause(ctx)
}
