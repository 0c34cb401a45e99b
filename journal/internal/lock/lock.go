// Package lock lets one process at a time go on: by the lock of a file, in which its holder says who it is.
package lock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// holder is what the lock file says of who holds it.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// HeldError says that another run holds the lock.
type HeldError struct {
	PID   int
	Since time.Time // zero if the holder has not said yet
}

// Error names the holder and for how long it has held the lock.
func (e *HeldError) Error() string {
	if e.PID == 0 {
		return "another run holds the lock; wait for it by --wait-lock 5m"
	}
	return fmt.Sprintf("another run (pid %d) has held the lock since %s, for %v; wait for it by --wait-lock 5m",
		e.PID, e.Since.Format(time.RFC3339), time.Since(e.Since).Round(time.Second))
}

// Lock is a lock that is held. The kernel gives it back when the process ends, however it ends.
type Lock struct{ f *os.File }

// A lock may outlive its holder: of a run that is killed while it starts a command, the half-made process holds the lock until it is that command, which
// takes long on a busy machine. last is how long that is waited for where the holder may live, orphaned where it is known to be dead.
const (
	last     = 500 * time.Millisecond
	orphaned = 10 * time.Second
)

// Take takes the lock of the file of that name, which is made if it is not there, and waits for it as long as wait says, and at least as long as a dead
// process may hold it. If another process holds it still, the error is a [HeldError], joined with the cause where ctx ended first.
func Take(ctx context.Context, name string, wait time.Duration) (*Lock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	began := time.Now()
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock: %w", err)
		}
		if waited := time.Since(began); waited >= max(wait, last) {
			if held := readHolder(f); waited >= orphaned || !held.dead() {
				f.Close()
				return nil, held
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			held := readHolder(f)
			f.Close()
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), held)
		}
	}
	b, err := json.Marshal(holder{os.Getpid(), time.Now().UTC().Truncate(time.Second)})
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(b, '\n'), 0)
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) { // who holds it is a courtesy: a full disk is told by the journal
		f.Close()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return &Lock{f}, nil
}

// dead says that the holder has said who it is, and is no more.
func (e *HeldError) dead() bool {
	return e.PID > 0 && errors.Is(syscall.Kill(e.PID, 0), syscall.ESRCH)
}

func readHolder(f *os.File) *HeldError {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	var h holder
	if err != nil || json.Unmarshal([]byte(strings.TrimSpace(string(b))), &h) != nil {
		return &HeldError{}
	}
	return &HeldError{PID: h.PID, Since: h.Since}
}

// Release gives the lock back.
func (l *Lock) Release() error {
	err := l.f.Truncate(0)
	if err := errors.Join(err, l.f.Close()); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}
