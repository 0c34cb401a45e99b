// Package scratch makes folders that are gone when the process that made them is, however it ended.
//
// A folder is locked, which ends with its process: what is not locked is left over, and removed by whoever makes the next one beside it.
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Folder is a folder for this process alone.
type Folder struct {
	Dir string // absolute, links followed, mode 0700

	held *os.File
}

// New makes a fresh folder in all, which is made where it is not there yet and holds nothing else, and removes there what processes that died have left.
func New(all string) (*Folder, error) {
	if err := os.MkdirAll(all, 0o700); err != nil {
		return nil, err
	}
	return fresh(all, "")
}

// Temp makes a fresh folder in the system's folder for temporary files, its name of prefix and something random, and removes there what processes of
// this user that died have left by that prefix.
func Temp(prefix string) (*Folder, error) { return fresh(os.TempDir(), prefix) }

func fresh(all, prefix string) (*Folder, error) {
	all, err := filepath.EvalSymlinks(all)
	if err == nil {
		all, err = filepath.Abs(all)
	}
	if err == nil {
		err = sweep(all, prefix)
	}
	if err != nil {
		return nil, err
	}
	for {
		dir, err := os.MkdirTemp(all, prefix)
		if err != nil {
			return nil, err
		}
		f, err := hold(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EWOULDBLOCK): // swept by another process before it was locked
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		return &Folder{dir, f}, nil
	}
}

// Close removes the folder with all that is in it.
func (f *Folder) Close() error { return errors.Join(os.RemoveAll(f.Dir), f.held.Close()) }

// hold locks a folder of this user. What else others have put there is an error.
func hold(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
		return nil, errors.Join(errors.New("another user's"), f.Close())
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := os.Lstat(dir); err != nil { // removed between opening and locking
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes what processes that died have left.
func sweep(all, prefix string) error {
	entries, err := os.ReadDir(all)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		dir := filepath.Join(all, e.Name())
		f, err := hold(dir)
		if err != nil {
			continue // in use, another's, or gone
		}
		if err := errors.Join(os.RemoveAll(dir), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
