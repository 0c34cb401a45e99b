package stop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhy(t *testing.T) {
	full, broken := errors.New("journal: no space left on device"), errors.New("journal: closed")
	for _, tc := range []struct {
		name string
		do   func(s *Stopper, interrupt chan struct{})
		want *Error
	}{
		{"nothing happened", func(*Stopper, chan struct{}) {}, nil},
		{"a change was recorded", func(s *Stopper, _ chan struct{}) { s.Recorded(nil) }, nil},
		{"the first failure is to blame", func(s *Stopper, _ chan struct{}) { s.Failed("t.a"); s.Failed("t.b") }, &Error{"fail-fast", "t.a"}},
		{"the first change that cannot be recorded", func(s *Stopper, _ chan struct{}) { s.Recorded(full); s.Recorded(broken) }, &Error{full.Error(), ""}},
		{"which says more than a failure", func(s *Stopper, _ chan struct{}) { s.Failed("t.a"); s.Recorded(full) }, &Error{full.Error(), ""}},
		{"an interrupt before all", func(s *Stopper, interrupt chan struct{}) { s.Recorded(full); close(interrupt) }, &Error{"interrupted", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			interrupt := make(chan struct{})
			s := &Stopper{Interrupt: interrupt}
			tc.do(s, interrupt)
			if diff := cmp.Diff(tc.want, s.Why()); diff != "" {
				t.Error(diff)
			}
			if err := s.Err(); (err != nil) != (tc.want != nil) {
				t.Errorf("got the error %v", err)
			}
		})
	}
}

// TestSleep: a wait is as long as it is told, unless the run is interrupted or its context ends before.
func TestSleep(t *testing.T) {
	for name, want := range map[string]time.Duration{"to its end": time.Minute, "interrupted": time.Second, "with its context": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				interrupt := make(chan struct{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				end := map[string]func(){"interrupted": func() { close(interrupt) }, "with its context": cancel}[name]
				if end != nil {
					time.AfterFunc(time.Second, end)
				}
				start := time.Now()
				(&Stopper{Interrupt: interrupt}).Sleep(ctx, time.Minute)
				if diff := cmp.Diff(want, time.Since(start)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestFatal(t *testing.T) {
	full := errors.New("no space left on device")
	for _, tc := range []struct {
		name    string
		records []error
		begun   bool
		err     error
	}{
		{"none", nil, false, nil},
		{"the first", []error{full}, false, full},
		{"a later one", []error{nil, full}, true, full},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s Stopper
			for _, err := range tc.records {
				s.Recorded(err)
			}
			if begun, err := s.Begun(), s.Fatal(); begun != tc.begun || !errors.Is(err, tc.err) {
				t.Errorf("want %v and %v, got %v and %v", tc.begun, tc.err, begun, err)
			}
		})
	}
}

// TestContext: an interrupt ends it with its reason; nothing listens any more when it is done, which the bubble would not end without.
func TestContext(t *testing.T) {
	for name, interrupted := range map[string]bool{"interrupted": true, "done": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				interrupt := make(chan struct{})
				s := &Stopper{Interrupt: interrupt}
				ctx, done := s.Context(t.Context())
				want := context.Canceled
				if interrupted {
					close(interrupt)
					<-ctx.Done()
				}
				done()
				var why *Error
				if err := context.Cause(ctx); errors.As(err, &why) != interrupted || !interrupted && !errors.Is(err, want) {
					t.Errorf("ended by %v", err)
				}
			})
		})
	}
}
