package lock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
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
