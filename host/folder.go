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

// Supplant implements [FileWriter]. What cannot be finished is taken back. Where nothing is at name, the new thing is put there by one rename.
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
	x := exchange{l: l, dir: dir, base: base, temp: l.tempName(), all: all}
	x.name, x.beside = name, path.Join(path.Dir(name), x.temp)
	err = make(l, x.beside)
	if err == nil {
		err = x.do(ctx)
	}
	if err == nil || x.done {
		return err
	}
	return errors.Join(fmt.Errorf("%w; old content kept", err), l.Remove(context.WithoutCancel(ctx), x.beside, true))
}

// exchange is one Supplant under way: what is at base of dir, and the new thing that is at temp.
type exchange struct {
	l            *Local
	dir          int
	base, temp   string
	name, beside string // the same, absolute
	all          bool
	done         bool // the new thing is at base
}

// do exchanges the two and removes the old one.
func (x *exchange) do(ctx context.Context) error {
	there, err := lstatAt(x.dir, x.base)
	if err == nil && there == nil {
		if err = renameNew(x.dir, x.temp, x.base); err == nil {
			x.done = true
			return x.l.durableDir(ctx, x.dir)
		}
	}
	if err != nil {
		return x.l.failed("replace", err)
	}
	err = x.swap()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EXDEV) {
		return x.inTurn(ctx)
	}
	if err != nil {
		return x.l.failed("replace", err)
	}
	if err = x.l.durableDir(ctx, x.dir); err == nil {
		err = x.l.Remove(ctx, x.beside, x.all)
		if err != nil && !errors.Is(err, unix.ENOTEMPTY) {
			err = x.l.Remove(ctx, x.beside, x.all) // a part of it may be gone already: none is better than a part
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
	if err := x.l.Remove(ctx, x.name, x.all); err != nil {
		return err
	}
	if err := unix.Renameat(x.dir, x.temp, x.dir, x.base); err != nil {
		x.done = true // the old thing is gone: the new one is kept where it is
		return x.l.failed("replace", err)
	}
	x.done = true
	return x.l.durableDir(ctx, x.dir)
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
		return fmt.Errorf("%w%s", l.failed("symlink", err), contentKept(old))
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
