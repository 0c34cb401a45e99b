// Package removal takes away what is at a name, or puts something else in its place: whole or not at all, by descriptors, so that whoever can write in a
// folder meanwhile leads it nowhere else, and across no mount.
package removal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/beneath"
	"github.com/nodeapply/apply/host/internal/inode"
	"github.com/nodeapply/apply/host/internal/reader"
)

// Remover removes what its Reader reads. It may be used by any number of goroutines.
type Remover struct {
	*reader.Reader
	root    *beneath.Root
	token   string
	durable func(ctx context.Context, dir int) error
}

// New returns a Remover of the files below root, which r reads. Durable waits until the entries of the folder that dir stands for are on disk.
func New(r *reader.Reader, root *beneath.Root, durable func(ctx context.Context, dir int) error) *Remover {
	return &Remover{Reader: r, root: root, token: strings.ToLower(rand.Text()[:8]), durable: durable}
}

// Token is the part of the names of temporary files by which [Remover.Sweep] of a later run finds them: ".apply.TOKEN.RANDOM".
func (r *Remover) Token() string { return r.token }

// TempName returns a new name for a temporary file.
func (r *Remover) TempName() string {
	return host.TempPrefix + r.token + "." + strings.ToLower(rand.Text()[:12])
}

// topFolders are the folders of the root that a system is not one without.
var topFolders = [...]string{
	"bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "lost+found", "media", "mnt", "opt", "proc", "root", "run", "sbin",
	"srv", "sys", "tmp", "usr", "var",
}

// Remove implements [host.FileWriter]. The root and its usual folders are never removed. Where something is mounted below name nothing is.
func (r *Remover) Remove(ctx context.Context, name string, all bool) error {
	dir, base, err := r.root.Parent(name)
	if err != nil {
		return r.Failed("remove", err)
	}
	defer unix.Close(dir)
	if err := r.removable(dir, base, name); err != nil {
		return err
	}
	st, err := inode.Lstat(dir, base)
	if err != nil || st == nil {
		return r.Failed("remove", err)
	}
	switch {
	case inode.KindOf(st.Mode) != host.Directory:
		err = unix.Unlinkat(dir, base, 0)
	case !all:
		err = unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
	default:
		if err := r.removeTree(ctx, dir, base, name); err != nil {
			return err
		}
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove: %s: %w%s", name, inode.Because(dir, base, err), contentKept(st))
	}
	return r.durable(ctx, dir)
}

// contentKept is what an error says when the file that was to be replaced or removed is as it was.
func contentKept(old *unix.Stat_t) string {
	if old == nil || inode.KindOf(old.Mode) != host.Regular {
		return ""
	}
	return "; old content kept"
}

// removeTree removes the folder base of dir with all that is in it: under another name, so that whoever looks sees all of it or nothing.
func (r *Remover) removeTree(ctx context.Context, dir int, base, name string) error {
	if err := r.noneMounted(ctx, dir, base); err != nil {
		return err
	}
	aside := base
	if !host.Temporary(base, r.token) {
		aside = r.TempName()
		switch err := inode.RenameNew(dir, base, aside); {
		case errors.Is(err, unix.EPERM): // nor could it be removed, once it is empty
			return fmt.Errorf("remove: %s: %w; nothing removed", name, inode.Because(dir, base, err))
		case err != nil:
			aside = base // a file system that cannot rename this folder
		}
	}
	err := empty(ctx, dir, aside, name, r.TempName)
	if err != nil {
		err = fmt.Errorf("remove: %w", err)
	} else if err = unix.Unlinkat(dir, aside, unix.AT_REMOVEDIR); err != nil {
		err = fmt.Errorf("remove: %s: %w", name, inode.Because(dir, aside, err))
	}
	if err != nil && aside != base { // what could not be removed is found where it was
		err = errors.Join(err, inode.RenameNew(dir, aside, base))
	}
	return err
}

func (r *Remover) removable(dir int, base, name string) error {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return r.Failed("remove", err)
	}
	if base == "." {
		return errors.New("remove: / is never removed")
	}
	if r.root.Is(&st) && slices.Contains(topFolders[:], base) {
		return fmt.Errorf("remove: %s is a folder of the system, which is never removed", name)
	}
	return nil
}

// noneMounted looks for mounts at and below base before anything is removed. That none is crossed is made sure by the descent itself.
func (r *Remover) noneMounted(ctx context.Context, dir int, base string) error {
	where, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", dir))
	if err != nil {
		return r.Failed("remove", err)
	}
	where, ok := r.Inside(where)
	if !ok {
		return nil
	}
	where = strings.TrimSuffix(where, "/") + "/" + base
	mounts, err := r.Mounts(ctx)
	if err != nil {
		return r.Failed("remove", err)
	}
	for _, m := range mounts {
		if host.Within(m.Point, where) {
			return fmt.Errorf("remove: %s is a mount point; nothing removed", m.Point)
		}
	}
	return nil
}

// Sweep removes from the folder dir the temporary files that a run with that token left behind when it was killed.
func (r *Remover) Sweep(ctx context.Context, dir, token string) error {
	if token == "" || strings.ContainsAny(token, "/.") {
		return fmt.Errorf("sweep: %q is not the token of a run", token)
	}
	names, err := r.Names(dir)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) { // the run replaced the folder itself, and what was in it is gone
		return nil
	}
	if err != nil {
		return r.Failed("sweep", err)
	}
	var all []error
	for _, n := range names {
		if host.Temporary(n, token) {
			all = append(all, r.Remove(ctx, strings.TrimSuffix(dir, "/")+"/"+n, true))
		}
	}
	return errors.Join(all...)
}
