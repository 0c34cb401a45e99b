package writer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/beneath"
	"github.com/nodeapply/apply/host/internal/inode"
	"github.com/nodeapply/apply/host/waiting"
)

// stage makes the new file with its content: without a name where that can be, of which nothing is left however this process ends; else beside its place.
// Where it fails nothing is left. What a server makes of a file that has lost its name, or never had one, is its own affair.
func (n *writing) stage(ctx context.Context) (int, error) {
	draft, drafted := n.f.Content.(*host.Draft)
	served := n.w.root.Served != nil && n.w.root.Served(n.name)
	if !drafted && n.f.Validate == nil && !served {
		fd, err := unix.Openat(n.dir, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		switch {
		case err == nil:
			return fd, n.fill(ctx, fd)
		case !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EINVAL): // what cannot make such files says one of these
			return -1, n.w.Failed("create", err)
		}
	}
	if err := n.announce(ctx); err != nil {
		return -1, err
	}
	temp := n.w.TempName()
	if drafted {
		if fd, err := link(draft, n.dir, temp); err == nil {
			n.temp = temp
			return fd, nil
		}
	}
	fd, err := unix.Openat(n.dir, temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, n.w.Failed("create", err)
	}
	n.temp = temp
	return fd, n.fill(ctx, fd)
}

// fill writes the content to the new file. Where it fails the file is gone.
func (n *writing) fill(ctx context.Context, fd int) error {
	err := n.w.copyTo(ctx, fd, n.f.Content)
	if err == nil {
		return nil
	}
	if n.temp != "" {
		_ = unix.Unlinkat(n.dir, n.temp, 0)
	}
	unix.Close(fd)
	return n.w.Failed("write", err)
}

// link names a draft, and returns a descriptor of it that stands at its end, as after writing it.
func link(d *host.Draft, dir int, name string) (int, error) {
	fd, err := unix.FcntlInt(d.File.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if _, err = unix.Seek(fd, 0, io.SeekEnd); err == nil {
		err = linkTo(fd, dir, name)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// linkTo gives the file that fd stands for a name at which nothing is.
func linkTo(fd, dir int, name string) error {
	return unix.Linkat(unix.AT_FDCWD, beneath.ProcName(fd), dir, name, unix.AT_SYMLINK_FOLLOW)
}

// announce tells of the change, once.
func (n *writing) announce(ctx context.Context) error {
	if n.told || n.f.Announce == nil {
		return nil
	}
	err := n.f.Announce(ctx, n.old == nil)
	n.told, n.refused = true, err != nil
	return err
}

// ready returns when the change was told of and the new file is durable: while it has no name nobody has to wait for the one before the other.
func (n *writing) ready(ctx context.Context, fd int) error {
	if n.told || n.f.Announce == nil {
		return n.w.durable(ctx, fd)
	}
	err := waiting.DurableMeanwhile(ctx, n.w.sync, fd, func() error { return n.announce(ctx) })
	if n.refused {
		return err
	}
	return n.w.Failed("fsync", err)
}

// publish gives the new file its name. Where nothing was, nothing is replaced: nobody has kept what somebody else may have put there since.
func (n *writing) publish(fd int) error {
	if n.old == nil {
		return n.appear(fd)
	}
	if n.temp == "" {
		temp := n.w.TempName()
		if err := linkTo(fd, n.dir, temp); err != nil {
			return n.w.Failed("link", err)
		}
		n.temp = temp
	}
	if err := n.over(); err != nil {
		return err
	}
	n.temp, n.visible = "", true
	return n.w.still(n.dir, n.base, fd, n.name)
}

// over renames the new file over the old one. What was made from the old one's content replaces that very file: two who edit one file by two names
// would otherwise each take away what the other has written.
func (n *writing) over() error {
	if n.f.Was != nil {
		n.w.putting.Lock()
		defer n.w.putting.Unlock()
		fd, _, err := n.there()
		if err != nil {
			return err
		}
		defer unix.Close(fd)
	}
	if err := unix.Renameat(n.dir, n.temp, n.dir, n.base); err != nil {
		return n.w.Failed("rename", err)
	}
	return nil
}

// appear is publish where nothing was.
func (n *writing) appear(fd int) error {
	if n.temp == "" {
		if err := linkTo(fd, n.dir, n.base); err != nil {
			return n.taken("link", err)
		}
		n.visible = true
		return nil
	}
	if err := inode.RenameNew(n.dir, n.temp, n.base); err != nil {
		return n.taken("rename", err)
	}
	n.temp, n.visible = "", true
	return n.w.still(n.dir, n.base, fd, n.name)
}

// taken is the error of giving a name where nothing was.
func (n *writing) taken(op string, err error) error {
	if errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("write: %s: somebody made it meanwhile", n.name)
	}
	return n.w.Failed(op, err)
}

// still says whether base of dir stands for what fd does, which was just renamed to it: who else can write the folder may have swapped it.
func (w *Writer) still(dir int, base string, fd int, name string) error {
	var mine unix.Stat_t
	if err := unix.Fstat(fd, &mine); err != nil {
		return w.Failed("stat", err)
	}
	there, err := inode.Lstat(dir, base)
	if err != nil {
		return w.Failed("stat", err)
	}
	if there == nil || !inode.Same(there, &mine) {
		return replaced(name)
	}
	return nil
}
