package writer

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
)

// stage makes the new file with its content beside its place, under the name temp. Where it fails nothing is at that name.
func (n *writing) stage(ctx context.Context, temp string) (int, error) {
	if d, ok := n.f.Content.(*host.Draft); ok {
		if fd, err := link(d, n.dir, temp); err == nil {
			return fd, nil
		}
	}
	fd, err := unix.Openat(n.dir, temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, n.w.Failed("create", err)
	}
	if err := n.w.copyTo(ctx, fd, n.f.Content); err != nil {
		_ = unix.Unlinkat(n.dir, temp, 0)
		unix.Close(fd)
		return -1, n.w.Failed("write", err)
	}
	return fd, nil
}

// link names a draft, and returns a descriptor of it that stands at its end, as after writing it.
func link(d *host.Draft, dir int, name string) (int, error) {
	fd, err := unix.FcntlInt(d.File.Fd(), unix.F_DUPFD_CLOEXEC, 0)
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
