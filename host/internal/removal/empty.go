package removal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/internal/inode"
)

// emptying is one empty under way.
type emptying struct {
	ctx  context.Context
	top  int // descriptor of the folder that is emptied
	temp func() string
}

// deep is the depth from which folders are first moved up, so that a tree of any depth needs few descriptors.
const deep = 64

// empty removes all that is in the folder base of the folder that the descriptor dir is of, whatever its size and depth: whoever can write inside meanwhile
// leads it nowhere else. Name is what errors call it. Folders that are deep inside are first moved up, to names that temp makes.
func empty(ctx context.Context, dir int, base, name string, temp func() string) error {
	fd, err := enter(dir, base)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer unix.Close(fd)
	r := emptying{ctx: ctx, top: fd, temp: temp}
	return r.contents(fd, name, 1)
}

// contents removes the entries of the folder fd, batch by batch, until a pass finds none.
func (r *emptying) contents(fd int, name string, depth int) error {
	for {
		n, err := r.pass(fd, name, depth)
		if err != nil || n == 0 {
			return err
		}
	}
}

func (r *emptying) pass(fd int, name string, depth int) (int, error) {
	again, err := inode.OpenDir(fd, ".")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	d := os.NewFile(uintptr(again), name)
	defer d.Close()
	for total := 0; ; {
		if r.ctx.Err() != nil {
			return total, fmt.Errorf("%s: %w", name, context.Cause(r.ctx))
		}
		batch, err := d.Readdirnames(1024)
		for _, entry := range batch {
			if err := r.entry(fd, entry, name+"/"+entry, depth); err != nil {
				return total, err
			}
		}
		total += len(batch)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, fmt.Errorf("%s: %w", name, err)
		}
	}
}

func (r *emptying) entry(dir int, base, name string, depth int) error {
	err := unix.Unlinkat(dir, base, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) {
		return fmt.Errorf("%s: %w", name, inode.Because(dir, base, err))
	}
	if depth >= deep { // the next pass over the top finds it there
		err := unix.Renameat(dir, base, r.top, r.temp())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	fd, err := enter(dir, base)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer unix.Close(fd)
	if err := r.contents(fd, name, depth+1); err != nil {
		return err
	}
	if err := unix.Unlinkat(dir, base, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%s: %w", name, inode.Because(dir, base, err))
	}
	return nil
}

// enter opens a folder unless something is mounted there.
func enter(dir int, base string) (int, error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	}
	fd, err := unix.Openat2(dir, base, &how)
	switch {
	case errors.Is(err, unix.EXDEV):
		return -1, errors.New("is a mount point")
	case !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM):
		return fd, err
	}
	fd, err = inode.OpenDir(dir, base)
	if err != nil {
		return -1, err
	}
	above, err1 := mountID(dir)
	here, err2 := mountID(fd)
	if err := errors.Join(err1, err2); err != nil || above != here {
		_ = unix.Close(fd)
		return -1, errors.Join(err, errors.New("is a mount point"))
	}
	return fd, nil
}

// mountID reads the mount that the descriptor is of, for kernels without openat2.
func mountID(fd int) (string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(string(b), "mnt_id:")
	if !ok {
		return "", errors.New("fdinfo without mnt_id")
	}
	return strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), nil
}
