// Package durable writes small files whole: after a crash or a power cut there is the old content or the new one.
package durable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// WriteFile replaces a file: a temporary file beside it (random name, mode from the start), fsync, rename, fsync of the folder.
func WriteFile(path string, data []byte, mode fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // 0600, O_EXCL
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// ReadFile reads what [WriteFile] wrote. Whatever else is at path is an error and not waited for.
func ReadFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s: not a file", path), err)
	}
	return io.ReadAll(f)
}

// Unwritten says whether a file is the one that was looked at before, and nobody has written it since; then is nil where none was.
func Unwritten(then, now fs.FileInfo) bool {
	return then != nil && os.SameFile(then, now) && then.ModTime().Equal(now.ModTime()) && then.Size() == now.Size()
}

// SyncDir makes the names in a folder durable, as far as that can be done: not in one that may be written and not read, nor where the file system knows no
// such thing.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// Lock takes the lock file at path (flock: it goes with the process), waiting as long as the context lasts. Closing the
// file gives it back.
func Lock(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock %s: held by another process: %w", path, context.Cause(ctx))
		}
	}
}

// OwnFolder makes a folder that only its owner may enter. What is above it is made for everybody: /etc/apply has the settings of all users' runs.
func OwnFolder(name string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.MkdirAll(name, 0o700))
}
