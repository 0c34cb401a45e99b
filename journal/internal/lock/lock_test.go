package lock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := Take(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := Take(t.Context(), name, 0); !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Errorf("want a HeldError of pid %d, got %v", os.Getpid(), err)
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := Take(ctx, name, time.Minute); !errors.Is(err, stop) {
		t.Errorf("want the reason for which it was told to stop, got %v", err)
	}
	var wg sync.WaitGroup
	var second *Lock
	var errSecond error
	wg.Go(func() { second, errSecond = Take(t.Context(), name, time.Minute) })
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if errSecond != nil {
		t.Fatalf("after the first gave it back: %v", errSecond)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(name); err != nil || len(b) > 0 {
		t.Errorf("who held it is still told: %q, %v", b, err)
	}
}

// TestLockOutlivesItsHolder: what a killed run was about to start holds the lock for a moment more, and the next run does not give up for that.
func TestLockOutlivesItsHolder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	gone := time.AfterFunc(30*time.Millisecond, func() { f.Close() })
	defer gone.Stop()
	next, err := Take(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Release(); err != nil {
		t.Error(err)
	}
}
