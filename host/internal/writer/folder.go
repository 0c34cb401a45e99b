package writer

import (
	"context"
	"errors"
	"fmt"
	"os"

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
	temp := w.TempName()
	if err := unix.Mkdirat(dir, temp, 0o700); err != nil {
		return w.Failed("mkdir", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Unlinkat(dir, temp, unix.AT_REMOVEDIR)
		}
	}()
	fd, err := inode.OpenDir(dir, temp)
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
	if m, err = w.closed(m, dir, nil); err != nil {
		return err
	}
	if err := inode.Set(fd, m); err != nil {
		return err
	}
	if err := inode.RenameNew(dir, temp, base); err != nil {
		return w.Failed("mkdir", err)
	}
	if err := w.still(dir, base, fd, name); err != nil {
		return err
	}
	return w.durableDir(ctx, dir, fd)
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
		err = w.Failed("symlink", inode.Because(dir, base, err))
		if old != nil && inode.KindOf(old.Mode) == host.Regular {
			return fmt.Errorf("%w; old content kept", err)
		}
		return err
	}
	return w.durableDir(ctx, dir)
}

func (w *Writer) replaceByLink(dir int, base, target string, kind host.Kind, name string) error {
	if kind == host.Directory || kind == host.CharDevice || kind == host.BlockDevice {
		return fmt.Errorf("%s is a %s", name, kind)
	}
	temp := w.TempName()
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
	if !w.root.Trusts(st.Uid) {
		m = inode.WithoutLists(m, st.Uid, st.Uid)
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
