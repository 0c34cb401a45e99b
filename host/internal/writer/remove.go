package writer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/inode"
	"github.com/nodeapply/apply/host/internal/removal"
	"golang.org/x/sys/unix"
)

// topFolders are the folders of the root that a system is not one without.
var topFolders = [...]string{
	"bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "lost+found", "media", "mnt", "opt", "proc", "root", "run", "sbin",
	"srv", "sys", "tmp", "usr", "var",
}

// Remove implements [host.FileWriter]. The root and its usual folders are never removed. Where something is mounted below name nothing is.
func (w *Writer) Remove(ctx context.Context, name string, all bool) error {
	dir, base, err := w.root.Parent(name)
	if err != nil {
		return w.Failed("remove", err)
	}
	defer unix.Close(dir)
	if err := w.removable(dir, base, name); err != nil {
		return err
	}
	st, err := inode.Lstat(dir, base)
	if err != nil || st == nil {
		return w.Failed("remove", err)
	}
	switch {
	case inode.KindOf(st.Mode) != host.Directory:
		err = unix.Unlinkat(dir, base, 0)
	case !all:
		err = unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
	default:
		if err := w.removeTree(ctx, dir, base, name); err != nil {
			return err
		}
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove: %s: %w%s", name, inode.Because(dir, base, err), contentKept(st))
	}
	return w.durableDir(ctx, dir)
}

// contentKept is what an error says when the file that was to be replaced or removed is as it was.
func contentKept(old *unix.Stat_t) string {
	if old == nil || inode.KindOf(old.Mode) != host.Regular {
		return ""
	}
	return "; old content kept"
}

// removeTree removes the folder base of dir with all that is in it: under another name, so that who looks sees all of it or nothing.
func (w *Writer) removeTree(ctx context.Context, dir int, base, name string) error {
	if err := w.noneMounted(ctx, dir, base); err != nil {
		return err
	}
	aside := base
	if !host.Temporary(base, w.token) {
		aside = w.tempName()
		switch err := renameNew(dir, base, aside); {
		case errors.Is(err, unix.EPERM): // nor could it be removed, once it is empty
			return fmt.Errorf("remove: %s: %w; nothing removed", name, inode.Because(dir, base, err))
		case err != nil:
			aside = base // a file system that cannot rename this folder
		}
	}
	err := removal.Empty(ctx, dir, aside, name, w.tempName)
	if err != nil {
		err = fmt.Errorf("remove: %w", err)
	} else if err = unix.Unlinkat(dir, aside, unix.AT_REMOVEDIR); err != nil {
		err = fmt.Errorf("remove: %s: %w", name, inode.Because(dir, aside, err))
	}
	if err != nil && aside != base { // what could not be removed is found where it was
		err = errors.Join(err, renameNew(dir, aside, base))
	}
	return err
}

func (w *Writer) removable(dir int, base, name string) error {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return w.Failed("remove", err)
	}
	if base == "." {
		return errors.New("remove: / is never removed")
	}
	if !w.root.Is(&st) {
		return nil
	}
	for _, top := range topFolders {
		if base == top {
			return fmt.Errorf("remove: %s is a folder of the system, which is never removed", name)
		}
	}
	return nil
}

// noneMounted looks for mounts at and below base before anything is removed. That none is crossed is made sure by the descent itself.
func (w *Writer) noneMounted(ctx context.Context, dir int, base string) error {
	where, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", dir))
	if err != nil {
		return w.Failed("remove", err)
	}
	where, ok := w.Inside(where)
	if !ok {
		return nil
	}
	where = strings.TrimSuffix(where, "/") + "/" + base
	mounts, err := w.Mounts(ctx)
	if err != nil {
		return w.Failed("remove", err)
	}
	for _, m := range mounts {
		if host.Within(m.Point, where) {
			return fmt.Errorf("remove: %s is a mount point; nothing removed", m.Point)
		}
	}
	return nil
}

// Sweep removes from the folder dir the temporary files that a run with that token left behind when it was killed.
func (w *Writer) Sweep(ctx context.Context, dir, token string) error {
	if token == "" || strings.ContainsAny(token, "/.") {
		return fmt.Errorf("sweep: %q is not the token of a run", token)
	}
	names, err := w.Names(dir)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) { // the run replaced the folder itself, and what was in it is gone
		return nil
	}
	if err != nil {
		return w.Failed("sweep", err)
	}
	var all []error
	for _, n := range names {
		if host.Temporary(n, token) {
			all = append(all, w.Remove(ctx, strings.TrimSuffix(dir, "/")+"/"+n, true))
		}
	}
	return errors.Join(all...)
}
