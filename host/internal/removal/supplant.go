package removal

import (
	"context"
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/internal/inode"
)

// Supplant puts what make makes in the place of what is at name, as [host.FileWriter] says. What cannot be finished is taken back. Where nothing is at
// name, the new thing is put there by one rename.
func (r *Remover) Supplant(ctx context.Context, name string, all bool, make func(name string) error) error {
	dir, base, err := r.root.Parent(name)
	if err != nil {
		return r.Failed("replace", err)
	}
	defer unix.Close(dir)
	if err := r.removable(dir, base, name); err != nil {
		return err
	}
	if err := r.noneMounted(ctx, dir, base); err != nil {
		return err
	}
	x := exchange{r: r, dir: dir, base: base, temp: r.TempName(), all: all}
	x.name, x.beside = name, path.Join(path.Dir(name), x.temp)
	err = make(x.beside)
	if err == nil {
		err = x.do(ctx)
	}
	if err == nil || x.done {
		return err
	}
	return errors.Join(fmt.Errorf("%w; old content kept", err), r.Remove(context.WithoutCancel(ctx), x.beside, true))
}

// exchange is one Supplant under way: what is at base of dir, and the new thing that is at temp.
type exchange struct {
	r            *Remover
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
		if err = inode.RenameNew(x.dir, x.temp, x.base); err == nil {
			x.done = true
			return x.r.durable(ctx, x.dir)
		}
	}
	if err != nil {
		return x.r.Failed("replace", err)
	}
	err = inode.Because(x.dir, x.base, x.swap())
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EXDEV) {
		return x.inTurn(ctx)
	}
	if err != nil {
		return x.r.Failed("replace", err)
	}
	if err = x.r.durable(ctx, x.dir); err == nil {
		err = x.r.Remove(ctx, x.beside, x.all)
		if err != nil && !errors.Is(err, unix.ENOTEMPTY) {
			err = x.r.Remove(ctx, x.beside, x.all) // a part of it may be gone already: none is better than a part
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
	if err := x.r.Remove(ctx, x.name, x.all); err != nil {
		return err
	}
	if err := unix.Renameat(x.dir, x.temp, x.dir, x.base); err != nil {
		x.done = true // the old thing is gone: the new one is kept where it is
		return x.r.Failed("replace", err)
	}
	x.done = true
	return x.r.durable(ctx, x.dir)
}
