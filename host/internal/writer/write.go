// Package writer changes the files of a node: whole or not at all, and durably.
package writer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"sync"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/beneath"
	"github.com/nodeapply/apply/host/internal/inode"
	"github.com/nodeapply/apply/host/internal/reader"
	"github.com/nodeapply/apply/host/internal/removal"
	"github.com/nodeapply/apply/host/syncer"
	"github.com/nodeapply/apply/host/waiting"
	"golang.org/x/sys/unix"
)

// Writer changes what its Reader reads. It may be used by any number of goroutines.
type Writer struct {
	*removal.Remover
	root    *beneath.Root
	sync    *syncer.Group
	putting sync.Mutex // held from the last look at what is replaced to the rename, by those who made the new file from the old
	buffers sync.Pool  // of *[]byte, for contents on their way
}

// New returns a Writer of the files below root, which r reads.
func New(r *reader.Reader, root *beneath.Root) *Writer {
	w := &Writer{
		root: root, sync: syncer.New(),
		buffers: sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }},
	}
	w.Remover = removal.New(r, root, func(ctx context.Context, dir int) error { return w.durableDir(ctx, dir) })
	return w
}

// WriteFile implements [host.FileWriter]. A device or a folder is never replaced.
func (w *Writer) WriteFile(ctx context.Context, name string, f host.NewFile) error {
	n := writing{w: w, name: name, f: f}
	var err error
	if n.dir, n.base, err = w.root.Parent(name); err != nil {
		return w.Failed("write", err)
	}
	defer unix.Close(n.dir)
	if n.old, err = n.present(); err != nil {
		return err
	}
	if n.f.Meta, err = w.closed(n.f.Meta, n.dir, n.old); err != nil {
		return err
	}
	if err := inode.Because(n.dir, n.base, n.do(ctx)); err != nil {
		if n.old != nil && !n.visible && !n.refused {
			return fmt.Errorf("%w; old content kept", err)
		}
		return err
	}
	return nil
}

// writing is one WriteFile under way.
type writing struct {
	w       *Writer
	name    string
	f       host.NewFile
	dir     int
	base    string
	old     *unix.Stat_t // nil where nothing is
	told    bool         // who is to be told of it before
	refused bool         // by who was told
	temp    string       // the name of the new file beside its place, "" while it has none
	visible bool         // something of the new file can be seen under its name
}

// present returns the status of what is replaced, once it is sure that it may be.
func (n *writing) present() (*unix.Stat_t, error) {
	st, err := inode.Lstat(n.dir, n.base)
	if err != nil {
		return nil, n.w.Failed("write", err)
	}
	if was := n.f.Was; was != nil && (st == nil || !same(*was, inode.StatOf(st))) {
		return nil, replaced(n.name)
	}
	if st == nil {
		return nil, nil
	}
	switch kind := inode.KindOf(st.Mode); kind {
	case host.Directory, host.CharDevice, host.BlockDevice:
		return nil, fmt.Errorf("write: %s is a %s, not a file", n.name, kind)
	case host.Symlink:
		err = n.w.root.CheckLink(n.dir, st, n.name)
	case host.Regular:
		err = n.w.root.CheckHardLinks(n.dir, st, n.name)
	}
	return st, n.w.Refused(err)
}

func (n *writing) do(ctx context.Context) error {
	w := n.w
	fd, err := n.stage(ctx)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	defer func() {
		if n.temp != "" {
			_ = unix.Unlinkat(n.dir, n.temp, 0)
		}
	}()
	if err := n.dress(fd); err != nil {
		return err
	}
	if n.f.Validate != nil {
		if err := n.f.Validate(ctx, path.Join(path.Dir(n.name), n.temp)); err != nil {
			return fmt.Errorf("validate: %w", err)
		}
	}
	if err := n.ready(ctx, fd); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = n.publish(fd)
	switch {
	case errors.Is(err, unix.EBUSY): // somebody mounted a file there
		return n.inPlace(ctx, fd)
	case err != nil:
		return err
	}
	return w.durableDir(ctx, n.dir)
}

// dress gives the new file its owner, attributes and mode: in this order, because a change of owner takes setuid away.
func (n *writing) dress(fd int) error {
	m := n.f.Meta
	if n.old == nil || inode.KindOf(n.old.Mode) != host.Regular {
		if m.Mode == nil {
			mode := uint32(0o644)
			m.Mode = &mode
		}
		return inode.Set(fd, m)
	}
	old := host.Meta{Mode: m.Mode, UID: m.UID, GID: m.GID, Xattrs: map[string][]byte{}}
	if m.Mode == nil {
		mode := inode.ModeAfter(n.old, m, n.w.root.Trusts(n.old.Uid))
		old.Mode = &mode
	}
	if m.UID == nil {
		old.UID = &n.old.Uid
	}
	if m.GID == nil {
		old.GID = &n.old.Gid
	}
	fdOld, _, err := n.there()
	if err != nil {
		return err
	}
	defer unix.Close(fdOld)
	kept, err := inode.Xattrs(fdOld)
	if err != nil {
		return n.w.Failed("getxattr", err)
	}
	inherited, err := inode.Xattrs(fd)
	if err != nil {
		return n.w.Failed("getxattr", err)
	}
	if _, ok := inherited[inode.ACLAccess]; ok {
		old.Xattrs[inode.ACLAccess] = nil // the folder's default, which the old file does not have
	}
	for name, value := range kept {
		if name != "security.ima" && name != "security.evm" { // signatures of the old content
			old.Xattrs[name] = value
		}
	}
	maps.Copy(old.Xattrs, m.Xattrs)
	return inode.Set(fd, old)
}

// closed is m without the access lists that somebody else has set: with the file that is replaced, else with the folder, whose new entries have them.
func (w *Writer) closed(m host.Meta, dir int, old *unix.Stat_t) (host.Meta, error) {
	from, to := old, uint32(os.Geteuid())
	if old != nil && inode.KindOf(old.Mode) == host.Regular {
		to = old.Uid
	} else {
		from = new(unix.Stat_t)
		if err := unix.Fstat(dir, from); err != nil {
			return m, w.Failed("stat", err)
		}
	}
	if w.root.Trusts(from.Uid) {
		return m, nil
	}
	return inode.WithoutLists(m, from.Uid, to), nil
}

// there returns a descriptor, O_PATH, and the status of what is replaced, unless something else is there by now.
func (n *writing) there() (int, *unix.Stat_t, error) {
	fd, err := unix.Openat(n.dir, n.base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, n.w.Failed("open", err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err != nil {
		err = n.w.Failed("stat", err)
	} else if !inode.Same(&st, n.old) {
		err = replaced(n.name)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, nil, err
	}
	return fd, &st, nil
}

func replaced(name string) error {
	return fmt.Errorf("write: %s: %w", name, host.ErrReplaced)
}

// same says whether the two are of one file. A freed inode may be used again, by somebody else.
func same(a, b host.Stat) bool {
	return a.Kind == b.Kind && a.Dev == b.Dev && a.Ino == b.Ino && a.UID == b.UID && a.GID == b.GID && a.Mode == b.Mode
}

// inPlace writes the finished content of staged through the inode that is there. The room is reserved first, so that a full disk is
// noticed while the old content is still whole.
func (n *writing) inPlace(ctx context.Context, staged int) error {
	w := n.w
	if n.old == nil || inode.KindOf(n.old.Mode) != host.Regular {
		return fmt.Errorf("write: %s: there is no file to be written in place", n.name)
	}
	node, st, err := n.there()
	if err != nil {
		return err
	}
	defer unix.Close(node)
	fd, err := inode.ReopenFD(node, unix.O_WRONLY)
	if err != nil {
		return w.Failed("open", err)
	}
	defer unix.Close(fd)
	size, err := unix.Seek(staged, 0, io.SeekCurrent)
	if err != nil {
		return w.Failed("stat", err)
	}
	if size > st.Size {
		err = unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size)
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return w.Failed("write", err)
		}
	}
	if _, err := unix.Seek(staged, 0, io.SeekStart); err != nil {
		return w.Failed("read", err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	n.visible = true                                // from here on the inode must be finished, whatever ctx says
	if err := inode.Set(fd, n.f.Meta); err != nil { // before the content, which may be for fewer eyes than the old one
		return err
	}
	if err := w.copyTo(context.WithoutCancel(ctx), fd, reader.Of(staged, n.name)); err != nil {
		return w.Failed("write", err)
	}
	if err := unix.Ftruncate(fd, size); err != nil {
		return w.Failed("truncate", err)
	}
	return w.durable(ctx, fd)
}

// durable waits until what the descriptors stand for is on disk.
func (w *Writer) durable(ctx context.Context, fds ...int) error {
	return w.Failed("fsync", waiting.Durable(ctx, w.sync, fds...))
}

// durableDir waits until the entries of the folder that the descriptor dir stands for are on disk, and the further files too.
func (w *Writer) durableDir(ctx context.Context, dir int, further ...int) error {
	if flags, err := unix.FcntlInt(uintptr(dir), unix.F_GETFL, 0); err != nil || flags&unix.O_PATH != 0 {
		fd, err := inode.OpenDir(dir, ".")
		if err != nil {
			return w.Failed("fsync", err)
		}
		defer unix.Close(fd)
		dir = fd
	}
	return w.durable(ctx, append(further, dir)...)
}

// copyTo writes all of r to the descriptor, and looks at ctx between two pieces.
func (w *Writer) copyTo(ctx context.Context, fd int, r io.Reader) error {
	buffer := w.buffers.Get().(*[]byte)
	defer w.buffers.Put(buffer)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(*buffer)
		if errWrite := writeAll(fd, (*buffer)[:n]); errWrite != nil {
			return errWrite
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			p = p[n:]
		}
	}
	return nil
}
