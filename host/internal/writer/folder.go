package writer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/inode"
	"golang.org/x/sys/unix"
)

// Mkdir implements [host.FileWriter]. Without a mode the folder is 0755. It appears under its name when owner and mode are set; until then
// nobody but the caller can enter it.
func (w *Writer) Mkdir(ctx context.Context, name string, m host.Meta) (err error) {
	dir, base, err := w.root.Parent(name)
	if err != nil {
		return w.Failed("mkdir", err)
	}
	defer unix.Close(dir)
	defer func() { err = inode.Because(dir, base, err) }()
	if there, err := inode.Lstat(dir, base); err != nil || there != nil {
		return w.Failed("mkdir", errors.Join(err, unix.EEXIST))
	}
	temp := w.tempName()
	if err := unix.Mkdirat(dir, temp, 0o700); err != nil {
		return w.Failed("mkdir", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Unlinkat(dir, temp, unix.AT_REMOVEDIR)
		}
	}()
	fd, err := inode.OpenDir(dir, temp, 0)
	if err != nil {
		return w.Failed("mkdir", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return w.Failed("mkdir", err)
	}
	if st.Mode&0o1777 != 0o700 || st.Uid != uint32(os.Geteuid()) || st.Nlink > 2 {
		return fmt.Errorf("mkdir: %s: somebody replaced it meanwhile", name)
	}
	if m.Mode == nil {
		mode := 0o755 | st.Mode&unix.S_ISGID // which a folder inherits
		m.Mode = &mode
	}
	if err := inode.Set(fd, m); err != nil {
		return err
	}
	if err := renameNew(dir, temp, base); err != nil {
		return w.Failed("mkdir", err)
	}
	if err := w.still(dir, base, fd, name); err != nil {
		return err
	}
	return w.durableDir(ctx, dir, fd)
}

// renameNew renames within a folder, to a name at which nothing is.
func renameNew(dir int, from, to string) error {
	err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system, or a kernel, that cannot promise that
		return unix.Renameat(dir, from, dir, to)
	}
	return err
}

// Supplant implements [host.FileWriter]. What cannot be finished is taken back. Where nothing is at name, the new thing is put there by one rename.
func (w *Writer) Supplant(ctx context.Context, name string, all bool, make func(name string) error) error {
	dir, base, err := w.root.Parent(name)
	if err != nil {
		return w.Failed("replace", err)
	}
	defer unix.Close(dir)
	if err := w.removable(dir, base, name); err != nil {
		return err
	}
	if err := w.noneMounted(ctx, dir, base); err != nil {
		return err
	}
	x := exchange{w: w, dir: dir, base: base, temp: w.tempName(), all: all}
	x.name, x.beside = name, path.Join(path.Dir(name), x.temp)
	err = make(x.beside)
	if err == nil {
		err = x.do(ctx)
	}
	if err == nil || x.done {
		return err
	}
	return errors.Join(fmt.Errorf("%w; old content kept", err), w.Remove(context.WithoutCancel(ctx), x.beside, true))
}

// exchange is one Supplant under way: what is at base of dir, and the new thing that is at temp.
type exchange struct {
	w            *Writer
	dir          int
	base, temp   string
	name, beside string // the same, absolute
	all          bool
	done         bool // the new thing is at base
}

// do exchanges the two and removes the old one.
func (x *exchange) do(ctx context.Context) error {
	there, err := inode.Lstat(x.dir, x.base)
	if err == nil && there == nil {
		if err = renameNew(x.dir, x.temp, x.base); err == nil {
			x.done = true
			return x.w.durableDir(ctx, x.dir)
		}
	}
	if err != nil {
		return x.w.Failed("replace", err)
	}
	err = inode.Because(x.dir, x.base, x.swap())
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EXDEV) {
		return x.inTurn(ctx)
	}
	if err != nil {
		return x.w.Failed("replace", err)
	}
	if err = x.w.durableDir(ctx, x.dir); err == nil {
		err = x.w.Remove(ctx, x.beside, x.all)
		if err != nil && !errors.Is(err, unix.ENOTEMPTY) {
			err = x.w.Remove(ctx, x.beside, x.all) // a part of it may be gone already: none is better than a part
		}
	}
	if err == nil {
		return nil
	}
	if back := x.swap(); back != nil {
		x.done = true
		return errors.Join(err, fmt.Errorf("what was there is %s now: %w", x.beside, back))
	}
	return err
}

func (x *exchange) swap() error {
	return unix.Renameat2(x.dir, x.temp, x.dir, x.base, unix.RENAME_EXCHANGE)
}

// inTurn is for file systems that cannot exchange: there is nothing for a moment.
func (x *exchange) inTurn(ctx context.Context) error {
	if err := x.w.Remove(ctx, x.name, x.all); err != nil {
		return err
	}
	if err := unix.Renameat(x.dir, x.temp, x.dir, x.base); err != nil {
		x.done = true // the old thing is gone: the new one is kept where it is
		return x.w.Failed("replace", err)
	}
	x.done = true
	return x.w.durableDir(ctx, x.dir)
}

// Symlink implements [host.FileWriter].
func (w *Writer) Symlink(ctx context.Context, target, name string) error {
	dir, base, err := w.root.Parent(name)
	if err != nil {
		return w.Failed("symlink", err)
	}
	defer unix.Close(dir)
	old, err := inode.Lstat(dir, base)
	if err != nil {
		return w.Failed("symlink", err)
	}
	if old == nil {
		err = unix.Symlinkat(target, dir, base)
	} else {
		err = w.replaceByLink(dir, base, target, inode.KindOf(old.Mode), name)
	}
	if err != nil {
		return fmt.Errorf("%w%s", w.Failed("symlink", inode.Because(dir, base, err)), contentKept(old))
	}
	return w.durableDir(ctx, dir)
}

func (w *Writer) replaceByLink(dir int, base, target string, kind host.Kind, name string) error {
	if kind == host.Directory || kind == host.CharDevice || kind == host.BlockDevice {
		return fmt.Errorf("%s is a %s", name, kind)
	}
	temp := w.tempName()
	if err := unix.Symlinkat(target, dir, temp); err != nil {
		return err
	}
	if err := unix.Renameat(dir, temp, dir, base); err != nil {
		_ = unix.Unlinkat(dir, temp, 0)
		return err
	}
	return nil
}

// SetMeta implements [host.FileWriter]. A link has an owner and no mode.
func (w *Writer) SetMeta(ctx context.Context, name string, m host.Meta) error {
	dir, base, err := w.root.Parent(name)
	if err != nil {
		return w.Failed("open", err)
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return w.Failed("open", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return w.Failed("stat", err)
	}
	if err := w.root.CheckHardLinks(dir, &st, name); err != nil {
		return w.Refused(err)
	}
	kind := inode.KindOf(st.Mode)
	if kind == host.Symlink && m.Mode != nil {
		if err := w.root.CheckLink(dir, &st, name); err != nil {
			return w.Refused(err)
		}
		return fmt.Errorf("chmod: %s is a link, which has no mode", name)
	}
	if kind == host.Regular && (m.UID != nil || m.GID != nil) {
		m = inode.WithPrivileges(fd, &st, m, w.root.Trusts(st.Uid))
	}
	if err := inode.Set(fd, m); err != nil {
		return inode.Because(dir, base, err)
	}
	if kind != host.Regular && kind != host.Directory {
		return w.durableDir(ctx, dir)
	}
	f, err := inode.Reopen(fd, name, unix.O_RDONLY)
	if errors.Is(err, unix.EACCES) {
		return w.durableDir(ctx, dir) // a mode that shuts out its owner, who is not root
	}
	if err != nil {
		return w.Failed("fsync", err)
	}
	defer f.Close()
	return w.durable(ctx, int(f.Fd()))
}
