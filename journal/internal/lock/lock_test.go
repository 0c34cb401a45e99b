package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
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
	if _, err := Take(ctx, name, time.Minute); !errors.Is(err, stop) || !errors.As(err, &held) {
		t.Errorf("want the reason for which it was told to stop and who holds it, got %v", err)
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

// TestLockOutlivesItsHolder: what a killed run was about to start holds the lock for a while, which is waited for, but not for ever. A run that lives is
// not waited for.
func TestLockOutlivesItsHolder(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dead, alive := fmt.Sprintf("{\"pid\":%d}", gone.ProcessState.Pid()), fmt.Sprintf("{\"pid\":%d}", os.Getpid())
	for name, test := range map[string]struct {
		holder string
		after  time.Duration // when the lock is given back
		held   bool
	}{
		"dead":                       {dead, 5 * time.Second, false},
		"dead, for ever":             {dead, time.Hour, true},
		"alive":                      {alive, 5 * time.Second, true},
		"alive, at its end":          {alive, 100 * time.Millisecond, false},
		"has not said":               {"", 5 * time.Second, true},
		"has not said, for a moment": {"", 100 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "lock")
				first, err := Take(t.Context(), file, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(test.holder), 0o600); err != nil {
					t.Fatal(err)
				}
				release := time.AfterFunc(test.after, func() { first.f.Close() })
				second, err := Take(t.Context(), file, 0)
				var held *HeldError
				if errors.As(err, &held) != test.held || !test.held && err != nil {
					t.Errorf("held is to be %v: %v", test.held, err)
				}
				if err == nil {
					second.f.Close()
				}
				if release.Stop() {
					first.f.Close()
				}
			})
		})
	}
}
