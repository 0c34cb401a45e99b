package writer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/inode"
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
		return fmt.Errorf("remove: %s: %w%s", name, err, contentKept(st))
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
	if !strings.HasPrefix(base, tempPrefix+w.token+".") {
		aside = w.tempName()
		if err := renameNew(dir, base, aside); err != nil {
			aside = base // a file system that cannot rename this folder
		}
	}
	err := (&removal{w: w, ctx: ctx}).empty(dir, aside, name)
	if err == nil {
		err = unix.Unlinkat(dir, aside, unix.AT_REMOVEDIR)
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
		if m.Point == where || strings.HasPrefix(m.Point, where+"/") {
			return fmt.Errorf("remove: %s is a mount point; nothing removed", m.Point)
		}
	}
	return nil
}

// removal empties a folder by descriptors.
type removal struct {
	w   *Writer
	ctx context.Context
	top int // descriptor of the folder that is emptied
}

// deep is the depth from which folders are first moved up, so that a tree of any depth needs few descriptors.
const deep = 64

// empty removes all that is in the folder base of dir.
func (r *removal) empty(dir int, base, name string) error {
	fd, err := enter(dir, base)
	if err != nil {
		return fmt.Errorf("remove: %s: %w", name, err)
	}
	defer unix.Close(fd)
	r.top = fd
	return r.contents(fd, name, 1)
}

// contents removes the entries of the folder fd, batch by batch, until a pass finds none.
func (r *removal) contents(fd int, name string, depth int) error {
	for {
		n, err := r.pass(fd, name, depth)
		if err != nil || n == 0 {
			return err
		}
	}
}

func (r *removal) pass(fd int, name string, depth int) (int, error) {
	again, err := inode.OpenDir(fd, ".", 0)
	if err != nil {
		return 0, fmt.Errorf("remove: %s: %w", name, err)
	}
	d := os.NewFile(uintptr(again), name)
	defer d.Close()
	for total := 0; ; {
		if r.ctx.Err() != nil {
			return total, fmt.Errorf("remove: %s: %w", name, context.Cause(r.ctx))
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
			return total, r.w.Failed("remove", err)
		}
	}
}

func (r *removal) entry(dir int, base, name string, depth int) error {
	err := unix.Unlinkat(dir, base, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) {
		return fmt.Errorf("remove: %s: %w", name, err)
	}
	if depth >= deep { // the next pass over the top finds it there
		err := unix.Renameat(dir, base, r.top, r.w.tempName())
		if err != nil {
			return fmt.Errorf("remove: %s: %w", name, err)
		}
		return nil
	}
	fd, err := enter(dir, base)
	if err != nil {
		return fmt.Errorf("remove: %s: %w", name, err)
	}
	defer unix.Close(fd)
	if err := r.contents(fd, name, depth+1); err != nil {
		return err
	}
	if err := unix.Unlinkat(dir, base, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove: %s: %w", name, err)
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
	fd, err = inode.OpenDir(dir, base, 0)
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
		if strings.HasPrefix(n, tempPrefix+token+".") {
			all = append(all, w.Remove(ctx, strings.TrimSuffix(dir, "/")+"/"+n, true))
		}
	}
	return errors.Join(all...)
}
