package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Mkdir implements [FileWriter]. Without a mode the folder is 0755. It appears under its name when owner and mode are set; until then
// nobody but the caller can enter it.
func (l *Local) Mkdir(ctx context.Context, name string, m Meta) (err error) {
	dir, base, err := l.root.Parent(name)
	if err != nil {
		return l.failed("mkdir", err)
	}
	defer unix.Close(dir)
	if there, err := lstatAt(dir, base); err != nil || there != nil {
		return l.failed("mkdir", errors.Join(err, unix.EEXIST))
	}
	temp := l.tempName()
	if err := unix.Mkdirat(dir, temp, 0o700); err != nil {
		return l.failed("mkdir", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Unlinkat(dir, temp, unix.AT_REMOVEDIR)
		}
	}()
	fd, err := openDir(dir, temp, 0)
	if err != nil {
		return l.failed("mkdir", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return l.failed("mkdir", err)
	}
	if st.Mode&0o1777 != 0o700 || st.Uid != uint32(os.Geteuid()) || st.Nlink > 2 {
		return fmt.Errorf("mkdir: %s: somebody replaced it meanwhile", name)
	}
	if m.Mode == nil {
		mode := 0o755 | st.Mode&unix.S_ISGID // which a folder inherits
		m.Mode = &mode
	}
	if err := l.setMeta(fd, m); err != nil {
		return err
	}
	if err := renameNew(dir, temp, base); err != nil {
		return l.failed("mkdir", err)
	}
	if err := l.still(dir, base, fd, name); err != nil {
		return err
	}
	return l.durableDir(ctx, dir, fd)
}

// renameNew renames within a folder, to a name at which nothing is.
func renameNew(dir int, from, to string) error {
	err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that cannot promise that
		return unix.Renameat(dir, from, dir, to)
	}
	return err
}

// Supplant implements [FileWriter].
func (l *Local) Supplant(ctx context.Context, name string, all bool, make func(h Host, name string) error) error {
	dir, base, err := l.root.Parent(name)
	if err != nil {
		return l.failed("replace", err)
	}
	defer unix.Close(dir)
	if err := l.removable(dir, base, name); err != nil {
		return err
	}
	if err := l.noneMounted(ctx, dir, base); err != nil {
		return err
	}
	temp := l.tempName()
	beside := path.Join(path.Dir(name), temp)
	if err := make(l, beside); err != nil {
		return fmt.Errorf("%w; what was there is kept", err)
	}
	err = unix.Renameat2(dir, temp, dir, base, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EXDEV) {
		if err = l.Remove(ctx, name, all); err == nil { // a file system that cannot exchange: there is nothing for a moment
			err = l.failed("replace", unix.Renameat(dir, temp, dir, base))
		}
		return errors.Join(err, l.durableDir(ctx, dir))
	}
	if err != nil {
		return errors.Join(l.failed("replace", err), l.Remove(ctx, beside, false))
	}
	if err := l.durableDir(ctx, dir); err != nil {
		return err
	}
	err = l.Remove(ctx, beside, all)
	if errors.Is(err, unix.ENOTEMPTY) {
		back := unix.Renameat2(dir, temp, dir, base, unix.RENAME_EXCHANGE)
		return errors.Join(l.failed("replace", unix.ENOTEMPTY), back, l.Remove(ctx, beside, false))
	}
	return err
}

// Symlink implements [FileWriter].
func (l *Local) Symlink(ctx context.Context, target, name string) error {
	dir, base, err := l.root.Parent(name)
	if err != nil {
		return l.failed("symlink", err)
	}
	defer unix.Close(dir)
	old, err := lstatAt(dir, base)
	if err != nil {
		return l.failed("symlink", err)
	}
	if old == nil {
		err = unix.Symlinkat(target, dir, base)
	} else {
		err = l.replaceByLink(dir, base, target, kindOf(old.Mode), name)
	}
	if err != nil {
		return l.failed("symlink", err)
	}
	return l.durableDir(ctx, dir)
}

func (l *Local) replaceByLink(dir int, base, target string, kind Kind, name string) error {
	if kind == Directory || kind == CharDevice || kind == BlockDevice {
		return fmt.Errorf("%s is a %s", name, kind)
	}
	temp := l.tempName()
	if err := unix.Symlinkat(target, dir, temp); err != nil {
		return err
	}
	if err := unix.Renameat(dir, temp, dir, base); err != nil {
		_ = unix.Unlinkat(dir, temp, 0)
		return err
	}
	return nil
}
