package limits

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ReadPipe reads to its end what is written into the named pipe name, at most limit bytes, or reads a device. It waits for who writes until ctx is
// done. What was read is gone: a second call finds nothing.
func ReadPipe(ctx context.Context, name string, limit int) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // a device without one does not make wait
	defer stop()
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, limit+1)
	for n := 0; ; {
		m, err := readReady(conn, buf[n:])
		switch n += m; {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fmt.Errorf("%s: waiting for what is written into it: %w", name, context.Cause(ctx))
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		case n > limit:
			return nil, fmt.Errorf("%s: larger than the %w of %d KiB", name, ErrLimit, limit>>10)
		case m == 0:
			return buf[:n], nil
		}
	}
}

// readReady reads into buf when there is something, or nobody is left who writes. To read a pipe that nobody has opened as yet would be its end.
func readReady(conn syscall.RawConn, buf []byte) (n int, err error) {
	ready := func(fd uintptr) bool {
		for {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			waiting := 0
			if waiting, err = unix.Poll(fds, 0); err == nil && waiting == 0 {
				return false
			}
			if err == nil {
				n, err = unix.Read(int(fd), buf)
			}
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	}
	if e := conn.Read(ready); e != nil {
		return 0, e
	}
	return max(n, 0), err
}
