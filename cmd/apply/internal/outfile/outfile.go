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
	"syscall"

	"github.com/nodeapply/apply/exchange/durable"
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
	t, err := os.CreateTemp(filepath.Dir(name), ".apply.*") // not of the name, which may be as long as names can be
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = fmt.Errorf("folder %s: %w", filepath.Dir(name), path.Err)
	}
	return t, err
}

// Write writes a file by write. What was there under its name is replaced, a symbolic link too: who can make links in a folder that all may write to does
// not choose what root overwrites.
func Write(name string, mode fs.FileMode, write func(io.Writer) error) error {
	return put(name, write, func(f *os.File) error { return f.Chmod(mode) })
}

// Rewrite gives a file that is there, and is its caller's concern whoever owns it, other content: owner and permissions stay. A symbolic link stays too, and
// what it leads to is written where the caller made the link, or who owns the file.
func Rewrite(name string, content []byte) error {
	info, err := os.Lstat(name)
	if err == nil && info.Mode().Type() == fs.ModeSymlink {
		link := info
		if name, err = filepath.EvalSymlinks(name); err == nil {
			info, err = os.Lstat(name)
		}
		if by := owner(link); err == nil && int(by.Uid) != os.Geteuid() && by.Uid != owner(info).Uid {
			return fmt.Errorf("a symbolic link of uid %d leads to %s of uid %d: name that itself", by.Uid, name, owner(info).Uid)
		}
	}
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
	return put(name, write, func(f *os.File) error {
		st := owner(info)
		if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil && os.Geteuid() == 0 {
			return err
		}
		return f.Chmod(info.Mode().Perm())
	})
}

// owner is who has a file.
func owner(info fs.FileInfo) *syscall.Stat_t {
	st, _ := info.Sys().(*syscall.Stat_t) // as it always is on Linux
	return st
}

// put writes a file by write; dress gives it its owner and mode.
func put(name string, write func(io.Writer) error, dress func(*os.File) error) (err error) {
	t, err := temporary(name)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			err = errors.Join(err, os.Remove(t.Name()))
		}
	}()
	w := bufio.NewWriter(t)
	if err = write(w); err == nil {
		err = w.Flush() // which would repeat the error of a write
	}
	if err = errors.Join(err, dress(t), t.Sync(), t.Close()); err != nil {
		return err
	}
	if err = os.Rename(t.Name(), name); err != nil {
		return err
	}
	renamed = true
	return durable.SyncDir(filepath.Dir(name))
}

// WriteBytes is Write of what is there already.
func WriteBytes(name string, mode fs.FileMode, content []byte) error {
	return Write(name, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
