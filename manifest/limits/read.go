package limits

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrLimit is in the error of ReadFile for a file that is too large.
var ErrLimit = errors.New("limit")

// Files opens files by name: an *os.Root, or the zero Host for all files of the node.
type Files interface {
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// Host are all files, by absolute name or relative to the current folder.
type Host struct{}

// Stat is os.Stat.
func (Host) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// OpenFile is os.OpenFile.
func (Host) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}

// ReadFile reads the file name of files, which holds at most limit bytes. It refuses what is not a regular file, and reads without
// blocking: not from a named pipe, nor from a file of /proc that waits for events.
func ReadFile(files Files, name string, limit int) ([]byte, error) {
	info, err := files.Stat(name) // before opening, because to open a device can do something
	if err != nil {
		return nil, err
	}
	if err := regular(name, info); err != nil {
		return nil, err
	}
	f, err := files.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if err := regular(name, info); err != nil {
		return nil, err
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, min(info.Size(), int64(limit))+512)
	for {
		n, err := readOnce(conn, buf[len(buf):cap(buf)])
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		}
		if n == 0 {
			return buf, nil
		}
		if buf = buf[:len(buf)+n]; len(buf) > limit {
			return nil, fmt.Errorf("%s: larger than the %w of %d KiB", name, ErrLimit, limit>>10)
		}
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, len(buf))...)[:len(buf)]
		}
	}
}

func regular(name string, info fs.FileInfo) error {
	if info.IsDir() {
		return fmt.Errorf("%s: is a folder", name)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: is not a regular file", name)
	}
	return nil
}

// readOnce reads into buf, past the runtime's poller, which would wait.
func readOnce(conn syscall.RawConn, buf []byte) (n int, err error) {
	done := func(fd uintptr) bool {
		for {
			if n, err = unix.Read(int(fd), buf); !errors.Is(err, unix.EINTR) {
				return true
			}
		}
	}
	if e := conn.Read(done); e != nil {
		return 0, e
	}
	if err == nil && n < 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
