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
	"syscall"
)

// Folder is a folder for this process alone.
type Folder struct {
	Dir string // absolute, links followed, mode 0700

	held *os.File
}

// New makes a fresh folder in all, which is made where it is not there yet, and removes there what processes that died have left.
func New(all string) (*Folder, error) {
	if err := os.MkdirAll(all, 0o700); err != nil {
		return nil, err
	}
	all, err := filepath.EvalSymlinks(all)
	if err == nil {
		all, err = filepath.Abs(all)
	}
	if err == nil {
		err = sweep(all)
	}
	if err != nil {
		return nil, err
	}
	for {
		dir, err := os.MkdirTemp(all, "")
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

// hold locks a folder.
func hold(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
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
func sweep(all string) error {
	entries, err := os.ReadDir(all)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(all, e.Name())
		f, err := hold(dir)
		if err != nil {
			continue // in use, or gone
		}
		if err := errors.Join(os.RemoveAll(dir), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
