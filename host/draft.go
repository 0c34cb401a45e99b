package host

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Draft is the content of a new file that stands in a file without a name already (open(2), O_TMPFILE), in the folder in which the new file is to be.
// [FileWriter.WriteFile] gives it its name instead of copying it; where the file system cannot do so it is copied, as any other content.
type Draft struct {
	io.Reader
	file *os.File
}

// NewDraft takes up a file of size bytes that is open for reading and writing. It stays the caller's to close.
func NewDraft(f *os.File, size int64) *Draft { return &Draft{io.NewSectionReader(f, 0, size), f} }

// stage makes the new file with its content beside its place, under the name temp. Where it fails nothing is at that name.
func (w *writing) stage(ctx context.Context, temp string) (int, error) {
	if d, ok := w.f.Content.(*Draft); ok {
		if fd, err := d.link(w.dir, temp); err == nil {
			return fd, nil
		}
	}
	fd, err := unix.Openat(w.dir, temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, w.l.failed("create", err)
	}
	if err := w.l.copyTo(ctx, fd, w.f.Content); err != nil {
		_ = unix.Unlinkat(w.dir, temp, 0)
		unix.Close(fd)
		return -1, w.l.failed("write", err)
	}
	return fd, nil
}

// link names the draft, and returns a descriptor of it that stands at its end, as after writing it.
func (d *Draft) link(dir int, name string) (int, error) {
	fd, err := unix.FcntlInt(d.file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if _, err = unix.Seek(fd, 0, io.SeekEnd); err == nil {
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), dir, name, unix.AT_SYMLINK_FOLLOW)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
