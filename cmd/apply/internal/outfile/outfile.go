// Package outfile writes files that a user names, whole or not at all.
package outfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Probe says why a file could not be written.
func Probe(name string) error {
	switch info, err := os.Lstat(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular() && info.Mode().Type() != os.ModeSymlink:
		return errors.New("is there, and is no regular file")
	}
	t, err := temporary(name)
	if err != nil {
		return err
	}
	return errors.Join(t.Close(), os.Remove(t.Name()))
}

func temporary(name string) (*os.File, error) {
	t, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	var path *os.PathError
	if errors.As(err, &path) {
		err = fmt.Errorf("folder %s: %w", filepath.Dir(name), path.Err)
	}
	return t, err
}

// Write writes a file by write. What was there under its name is replaced, a symbolic link too: who can make links in a folder that all may write to does
// not choose what root overwrites.
func Write(name string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	t, err := temporary(name)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(t.Name()))
		}
	}()
	w := bufio.NewWriter(t)
	if err = write(w); err == nil {
		err = w.Flush() // which would repeat the error of a write
	}
	if err = errors.Join(err, t.Chmod(mode), t.Sync(), t.Close()); err != nil {
		return err
	}
	return os.Rename(t.Name(), name)
}

// WriteBytes is Write of what is there already.
func WriteBytes(name string, mode fs.FileMode, content []byte) error {
	return Write(name, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
