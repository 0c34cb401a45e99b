package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watch tells of new names in a folder, and of what is written there.
type watch struct{ *os.File }

func newWatch(dir string) (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_MODIFY|unix.IN_CLOSE_WRITE); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &watch{f}, nil
}

// next waits for an event.
func (w *watch) next(limit time.Duration) error {
	if err := w.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := w.Read(make([]byte, 4096))
	return err
}
