// Package journal keeps what must outlive a run: the state folder with its lock, the append-only record of what a run is about to change, the
// content that was there before, and the reports of earlier runs.
//
// Losing the folder loses history, never correctness: nothing in it has to be trusted to bring a node to its manifest.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/store"
)

// State is a state folder.
type State struct {
	dir    string
	lock   *os.File
	store  *store.Store // of the content of pre-images
	images *image.Keeper
}

// DefaultDir is /var/lib/apply for root, else apply below $XDG_STATE_HOME or ~/.local/state.
func DefaultDir(getenv func(string) string) (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/apply", nil
	}
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "apply"), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("no state folder: neither XDG_STATE_HOME nor HOME is set; give one by --state-dir")
	}
	return filepath.Join(home, ".local", "state", "apply"), nil
}

// OpenState opens the state folder and makes it if it is not there. It must belong to the caller; others are kept out of it.
func OpenState(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w; give another by --state-dir", err)
	}
	s, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(s.dir)
	if err == nil && info.Mode().Perm() != 0o700 {
		err = os.Chmod(s.dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return s, nil
}

// ReadState opens the state folder for who only reads, and changes nothing. Where there is none the error is [fs.ErrNotExist].
func ReadState(dir string) (*State, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return nil, fmt.Errorf("state folder: %s is not a folder", dir)
	case !ok || int(st.Uid) != os.Geteuid():
		return nil, fmt.Errorf("state folder: %s belongs to uid %d, not to uid %d; give another by --state-dir", dir, st.Uid, os.Geteuid())
	}
	kept := store.New(filepath.Join(dir, "store"))
	return &State{dir: dir, store: kept, images: image.NewKeeper(kept)}, nil
}

// Dir is the folder's absolute path.
func (s *State) Dir() string { return s.dir }

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

// Lock takes the lock that lets only one run at a time change the node, and waits for it as long as wait says. The kernel gives it back when the process ends, however it ends.
func (s *State) Lock(ctx context.Context, wait time.Duration) error {
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	deadline := time.Now().Add(wait)
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return fmt.Errorf("lock: %w", err)
		}
		if !time.Now().Before(deadline) {
			held := readHolder(f)
			f.Close()
			return held
		}
		select {
		case <-time.After(min(100*time.Millisecond, time.Until(deadline))):
		case <-ctx.Done():
			f.Close()
			return context.Cause(ctx)
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
		return fmt.Errorf("lock: %w", err)
	}
	s.lock = f
	return nil
}

func readHolder(f *os.File) *HeldError {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	var h holder
	if err != nil || json.Unmarshal([]byte(strings.TrimSpace(string(b))), &h) != nil {
		return &HeldError{}
	}
	return &HeldError{PID: h.PID, Since: h.Since}
}

// Close gives the lock back, if it is held.
func (s *State) Close() error {
	if s.lock == nil {
		return nil
	}
	f := s.lock
	s.lock = nil
	if err := f.Truncate(0); err != nil {
		f.Close()
		return fmt.Errorf("lock: %w", err)
	}
	return f.Close()
}
