// Package stop says when nothing new may start in a run: after an interrupt, after a failure where that ends all, and where a change cannot be recorded.
package stop

import (
	"context"
	"sync"
	"time"
)

// Stopper says whether anything new may start. It may be used by several goroutines.
type Stopper struct {
	Interrupt <-chan struct{} // closed by one; nil: none comes

	mu      sync.Mutex
	because string // the resource that failed
	fatal   error  // of the first change that could not be recorded
	begun   bool   // a change was recorded, so that something was touched
}

// Error says that nothing new may start, so that a change was not made.
type Error struct {
	Reason  string // "interrupted", "fail-fast", or why a change could not be recorded
	Because string // the address to blame; "" none
}

// Error is the reason.
func (e *Error) Error() string { return e.Reason }

// Why returns why nothing new may start; nil if it may.
func (s *Stopper) Why() *Error {
	select {
	case <-s.Interrupt:
		return interrupted()
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fatal != nil:
		return &Error{Reason: s.fatal.Error()}
	case s.because != "":
		return &Error{Reason: "fail-fast", Because: s.because}
	}
	return nil
}

func interrupted() *Error { return &Error{Reason: "interrupted"} }

// Err is Why as an error.
func (s *Stopper) Err() error {
	if why := s.Why(); why != nil {
		return why
	}
	return nil
}

// Sleep waits for d, or until the run is interrupted.
func (s *Stopper) Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.Interrupt:
	case <-ctx.Done():
	}
}

// Failed lets nothing new start because a resource failed. The first is to blame.
func (s *Stopper) Failed(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.because == "" {
		s.because = address
	}
}

// Recorded takes note of how the recording of a change went. A change that could not be recorded is not made, and no other.
func (s *Stopper) Recorded(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.begun = true
	case s.fatal == nil:
		s.fatal = err
	}
}

// Fatal returns why a change could not be recorded; nil if all could.
func (s *Stopper) Fatal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fatal
}

// Begun says whether a change was recorded: else nothing was touched.
func (s *Stopper) Begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// Context returns a context that an interrupt ends, with an [Error] as its cause; done, which the caller calls, ends it and what listens for it.
func (s *Stopper) Context(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-s.Interrupt:
			cancel(interrupted())
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-gone
	}
}
