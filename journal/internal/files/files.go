// Package files reads and writes files of the state folder, and finds those of which each run has one. Others may have put anything in their places:
// nothing but a regular file is read, and nothing is waited for.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// ErrNoFile is in the error about what is no regular file.
var ErrNoFile = errors.New("not a file")

// Open opens a regular file for reading.
func Open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w but %v", name, ErrNoFile, info.Mode())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Read is os.ReadFile for regular files.
func Read(name string) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// Write writes a file, whole or not at all, and makes its folder if it is not there. A power cut may lose it. One process at a time writes in a folder.
func Write(name string, content io.WriterTo) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(name), "new") // what a killed process leaves of it the next one replaces
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = content.WriteTo(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, name)
}

// Runs lists the ids of the runs that have a file in a folder, the newest first: what stands before suffix in its name.
func Runs(folder, suffix string) ([]string, error) {
	names, err := fs.Glob(os.DirFS(folder), "*"+suffix)
	for i, n := range names {
		names[i] = strings.TrimSuffix(n, suffix)
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, err
}
