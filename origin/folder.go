package origin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// parent makes the folder for this command's checkouts. It is locked, which ends with the process however that ends: what is not locked is left
// over, and removed here.
func (c *Checkouts) parent() (string, error) {
	if c.dir != "" {
		return c.dir, nil
	}
	state, err := c.o.State()
	if err != nil {
		return "", err
	}
	all := filepath.Join(state, "git", "checkout")
	if err := os.MkdirAll(all, 0o700); err != nil {
		return "", fmt.Errorf("checkout: %w", err)
	}
	if err := sweep(all); err != nil {
		return "", fmt.Errorf("checkout: %w", err)
	}
	for c.dir == "" {
		dir, err := os.MkdirTemp(all, "")
		if err == nil {
			dir, err = filepath.EvalSymlinks(dir)
		}
		if err != nil {
			return "", fmt.Errorf("checkout: %w", err)
		}
		f, err := hold(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EWOULDBLOCK): // swept by another command before it was locked
			continue
		case err != nil:
			return "", fmt.Errorf("checkout: %w", err)
		}
		c.dir, c.held = dir, f
	}
	return c.dir, nil
}

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

// sweep removes what commands that died have left.
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

// Close removes what was checked out.
func (c *Checkouts) Close() error {
	if c.dir == "" {
		return nil
	}
	dir := c.dir
	c.dir = ""
	return errors.Join(os.RemoveAll(dir), c.held.Close())
}
