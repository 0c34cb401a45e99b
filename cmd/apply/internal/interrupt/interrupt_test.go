package interrupt

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

func send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestReading(t *testing.T) {
	ctx, s := Catch(t.Context(), func(os.Signal) { t.Error("it says that something is let finish") })
	defer s.End()
	send(t, syscall.SIGTERM)
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, Err) || s.Number() != int(syscall.SIGTERM) {
		t.Errorf("ended by %v, signal %d", err, s.Number())
	}
	if err := s.Begin(); !errors.Is(err, Err) {
		t.Errorf("a change begins after a signal: %v", err)
	}
}

// TestChanging: the first signal ends nothing, nor does the same that comes again at once; a later one does, though nobody reads what the first one told.
func TestChanging(t *testing.T) {
	told, read := 0, make(chan bool)
	ctx, s := Catch(t.Context(), func(os.Signal) {
		<-read
		told++
	})
	if err := s.Begin(); err != nil {
		t.Fatal(err)
	}
	first := time.Now()
	send(t, syscall.SIGINT)
	<-s.Stop()
	again := time.NewTicker(repeated / 10)
	defer again.Stop()
	for ctx.Err() == nil {
		select {
		case <-again.C:
			send(t, syscall.SIGINT)
		case <-ctx.Done():
		}
	}
	if after := time.Since(first); after < repeated {
		t.Errorf("a signal that came again after %v ended what runs", after)
	}
	close(read)
	s.End()
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
