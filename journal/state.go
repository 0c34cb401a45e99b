// Package journal keeps what must outlive a run: the state folder with its lock, the append-only record of what a run is about to change, the
// content that was there before, and the reports of earlier runs.
//
// Losing the folder loses history, never correctness: nothing in it has to be trusted to bring a node to its manifest.
//
// A run takes the lock, begins its record, sweeps up after one that died, hands the record to the engine, and in the end calls undo.Leave, [Run.Close],
// memory.Memory.Save, [State.SaveReport] and [State.Prune]: see the example Record of the module's root package.
package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/lock"
	"github.com/nodeapply/apply/journal/internal/record"
)

// State is a state folder.
type State struct {
	dir      string
	lock     *lock.Lock // nil: not held
	journals record.Folder
	images   *image.Keeper
}

// DefaultDir is /var/lib/apply for root, else apply below $XDG_STATE_HOME or ~/.local/state. Where HOME is not set the account's home is.
func DefaultDir(getenv func(string) string) (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/apply", nil
	}
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "apply"), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
		if err != nil || !filepath.IsAbs(u.HomeDir) {
			return "", errors.New("no state folder: neither XDG_STATE_HOME nor HOME is set, and the account has no home; give one by --state-dir")
		}
		home = u.HomeDir
	}
	return filepath.Join(home, ".local", "state", "apply"), nil
}

// OpenState opens the state folder and makes it if it is not there. It must belong to the caller; others are kept out of it.
func OpenState(dir string) (*State, error) {
	if err := makeAll(dir); err != nil {
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

// makeAll makes a folder that is private, and those on the way to it, which everybody may enter, as /var/lib: the umask of a run would keep others out.
func makeAll(dir string) error {
	above := filepath.Dir(dir)
	if _, err := os.Stat(above); errors.Is(err, fs.ErrNotExist) && above != dir {
		if err := errors.Join(makeAll(above), os.Chmod(above, 0o755)); err != nil {
			return err
		}
	}
	return os.MkdirAll(dir, 0o700)
}

// ReadState opens the state folder for who only reads, and changes nothing. Where there is none the error is [fs.ErrNotExist].
func ReadState(dir string) (*State, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 && owner(info) == os.Geteuid() { // one that others have planted is not followed
		if dir, err = filepath.EvalSymlinks(dir); err == nil {
			info, err = os.Lstat(dir)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	switch {
	case !info.IsDir() && info.Mode()&fs.ModeSymlink == 0:
		return nil, fmt.Errorf("state folder: %s is not a folder", dir)
	case owner(info) != os.Geteuid():
		return nil, fmt.Errorf("state folder: %s belongs to uid %d, not to uid %d; give another by --state-dir", dir, owner(info), os.Geteuid())
	}
	return &State{dir: dir, journals: record.In(dir), images: image.In(dir)}, nil
}

// owner is the user id of who has a file, -1 if that is not known.
func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// Dir is the folder's absolute path.
func (s *State) Dir() string { return s.dir }

// HeldError says that another run holds the lock: its PID, Since when. Where the run has not said that yet, these are zero.
type HeldError = lock.HeldError

// Lock takes the lock that lets only one run at a time change the node, and waits for it as long as wait says (0: not); who holds it then
// is told by a [HeldError], beside the cause where ctx ended first.
func (s *State) Lock(ctx context.Context, wait time.Duration) (err error) {
	s.lock, err = lock.Take(ctx, filepath.Join(s.dir, "lock"), wait)
	if errors.Is(err, syscall.EROFS) {
		err = fmt.Errorf("%w; give another state folder by --state-dir", err)
	}
	return err
}

// Close gives the lock back, if it is held.
func (s *State) Close() error {
	if s.lock == nil {
		return nil
	}
	l := s.lock
	s.lock = nil
	return l.Release()
}

// setAside moves away what is no folder where one is to be, and tells of it.
func (s *State) setAside() (warnings []string, _ error) {
	for _, name := range []string{"journal", "store", "runs"} {
		path := filepath.Join(s.dir, name)
		if info, err := os.Stat(path); err == nil && info.IsDir() { // or a link to one
			continue
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(path, path+".damaged"); err != nil {
			return warnings, fmt.Errorf("state folder: %w", err)
		}
		warnings = append(warnings, fmt.Sprintf("state folder: %s is no folder; set aside as %s.damaged, and this run goes on without it", path, name))
	}
	return warnings, nil
}
