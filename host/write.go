package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// tempPrefix begins the names of all temporary files; the token of the run and a random part follow.
const tempPrefix = ".apply."

func (l *Local) tempName() string {
	return tempPrefix + l.token + "." + strings.ToLower(rand.Text()[:12])
}

// WriteFile implements [FileWriter]. A device or a folder is never replaced.
func (l *Local) WriteFile(ctx context.Context, name string, f NewFile) error {
	w := writing{l: l, name: name, f: f}
	var err error
	if w.dir, w.base, err = l.root.Parent(name); err != nil {
		return l.failed("write", err)
	}
	defer unix.Close(w.dir)
	if w.old, err = w.present(); err != nil {
		return err
	}
	if err := w.do(ctx); err != nil {
		if w.old != nil && !w.visible {
			return fmt.Errorf("%w; old content kept", err)
		}
		return err
	}
	return nil
}

// writing is one WriteFile under way.
type writing struct {
	l       *Local
	name    string
	f       NewFile
	dir     int
	base    string
	old     *unix.Stat_t // nil where nothing is
	visible bool         // something of the new file can be seen under its name
}

// present returns the status of what is replaced, once it is sure that it may be.
func (w *writing) present() (*unix.Stat_t, error) {
	st, err := lstatAt(w.dir, w.base)
	if err != nil {
		return nil, w.l.failed("write", err)
	}
	if was := w.f.Was; was != nil && (st == nil || !was.isStill(st)) {
		return nil, replaced(w.name)
	}
	if st == nil {
		return nil, nil
	}
	switch kind := kindOf(st.Mode); kind {
	case Directory, CharDevice, BlockDevice:
		return nil, fmt.Errorf("write: %s is a %s, not a file", w.name, kind)
	case Symlink:
		err = w.l.root.CheckLink(w.dir, st, w.name)
	case Regular:
		err = w.l.root.CheckHardLinks(w.dir, st, w.name)
	}
	return st, w.l.refused(err)
}

func (w *writing) do(ctx context.Context) error {
	l := w.l
	temp := l.tempName()
	fd, err := unix.Openat(w.dir, temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return l.failed("create", err)
	}
	defer unix.Close(fd)
	renamed := false
	defer func() {
		if !renamed {
			_ = unix.Unlinkat(w.dir, temp, 0)
		}
	}()
	if err := l.copyTo(ctx, fd, w.f.Content); err != nil {
		return l.failed("write", err)
	}
	if err := w.dress(fd); err != nil {
		return err
	}
	if w.f.Validate != nil {
		if err := w.f.Validate(ctx, path.Join(path.Dir(w.name), temp)); err != nil {
			return fmt.Errorf("validate: %w", err)
		}
	}
	if w.f.InPlace {
		return w.inPlace(ctx, fd)
	}
	if err := l.durable(ctx, fd); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = unix.Renameat(w.dir, temp, w.dir, w.base)
	if errors.Is(err, unix.EBUSY) { // somebody mounted a file there
		return w.inPlace(ctx, fd)
	}
	if err != nil {
		return l.failed("rename", err)
	}
	renamed, w.visible = true, true
	if err := w.l.still(w.dir, w.base, fd, w.name); err != nil {
		return err
	}
	return l.durableDir(ctx, w.dir)
}

// dress gives the new file its owner, attributes and mode: in this order, because a change of owner takes setuid away.
func (w *writing) dress(fd int) error {
	m := w.f.Meta
	if w.old == nil || kindOf(w.old.Mode) != Regular {
		if m.Mode == nil {
			mode := uint32(0o644)
			m.Mode = &mode
		}
		return w.l.setMeta(fd, m)
	}
	old := Meta{Mode: m.Mode, UID: m.UID, GID: m.GID, Xattrs: map[string][]byte{}}
	if m.Mode == nil {
		mode := w.l.modeFor(w.old, m)
		old.Mode = &mode
	}
	if m.UID == nil {
		old.UID = &w.old.Uid
	}
	if m.GID == nil {
		old.GID = &w.old.Gid
	}
	fdOld, err := unix.Openat(w.dir, w.base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return w.l.failed("open", err)
	}
	defer unix.Close(fdOld)
	var st unix.Stat_t
	if err := unix.Fstat(fdOld, &st); err != nil {
		return w.l.failed("stat", err)
	}
	if st.Dev != w.old.Dev || st.Ino != w.old.Ino {
		return replaced(w.name)
	}
	kept, err := xattrs(fdOld)
	if err != nil {
		return w.l.failed("getxattr", err)
	}
	inherited, err := xattrs(fd)
	if err != nil {
		return w.l.failed("getxattr", err)
	}
	if _, ok := inherited[aclAccess]; ok {
		old.Xattrs[aclAccess] = nil // the folder's default, which the old file does not have
	}
	for name, value := range kept {
		if name != "security.ima" && name != "security.evm" { // signatures of the old content
			old.Xattrs[name] = value
		}
	}
	for name, value := range m.Xattrs {
		old.Xattrs[name] = value
	}
	return w.l.setMeta(fd, old)
}

func replaced(name string) error {
	return fmt.Errorf("write: %s: somebody replaced it meanwhile", name)
}

// isStill says whether st is of the file that s is of. A freed inode may be used again, by somebody else.
func (s *Stat) isStill(st *unix.Stat_t) bool {
	now := statOf(st)
	return s.Kind == now.Kind && s.Dev == now.Dev && s.Ino == now.Ino && s.UID == now.UID && s.GID == now.GID && s.Mode == now.Mode
}

// still says whether base of dir stands for what fd does, which was just renamed to it: who else can write the folder may have swapped it.
func (l *Local) still(dir int, base string, fd int, name string) error {
	var mine unix.Stat_t
	if err := unix.Fstat(fd, &mine); err != nil {
		return l.failed("stat", err)
	}
	there, err := lstatAt(dir, base)
	if err != nil {
		return l.failed("stat", err)
	}
	if there == nil || there.Dev != mine.Dev || there.Ino != mine.Ino {
		return replaced(name)
	}
	return nil
}

// inPlace writes the finished content of staged through the inode that is there. The room is reserved first, so that a full disk is
// noticed while the old content is still whole.
func (w *writing) inPlace(ctx context.Context, staged int) error {
	l := w.l
	if w.old == nil || kindOf(w.old.Mode) != Regular {
		return fmt.Errorf("write: %s: there is no file to be written in place", w.name)
	}
	node, err := unix.Openat(w.dir, w.base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return l.failed("open", err)
	}
	defer unix.Close(node)
	var st unix.Stat_t
	if err := unix.Fstat(node, &st); err != nil {
		return l.failed("stat", err)
	}
	if st.Dev != w.old.Dev || st.Ino != w.old.Ino {
		return replaced(w.name)
	}
	fd, err := reopenFD(node, unix.O_WRONLY)
	if err != nil {
		return l.failed("open", err)
	}
	defer unix.Close(fd)
	size, err := unix.Seek(staged, 0, io.SeekCurrent)
	if err != nil {
		return l.failed("stat", err)
	}
	if size > st.Size {
		err = unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size)
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return l.failed("write", err)
		}
	}
	if _, err := unix.Seek(staged, 0, io.SeekStart); err != nil {
		return l.failed("read", err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.visible = true                                // from here on the inode must be finished, whatever ctx says
	if err := l.setMeta(fd, w.f.Meta); err != nil { // before the content, which may be for fewer eyes than the old one
		return err
	}
	if err := l.copyTo(context.WithoutCancel(ctx), fd, &reader{fd: staged, name: w.name}); err != nil {
		return l.failed("write", err)
	}
	if err := unix.Ftruncate(fd, size); err != nil {
		return l.failed("truncate", err)
	}
	return l.durable(ctx, fd)
}

// durable waits until what the descriptors stand for is on disk.
func (l *Local) durable(ctx context.Context, fds ...int) error {
	return l.failed("fsync", Durable(ctx, l.sync, fds...))
}

// durableDir waits until the entries of the folder that the descriptor dir stands for are on disk, and the further files too.
func (l *Local) durableDir(ctx context.Context, dir int, further ...int) error {
	if flags, err := unix.FcntlInt(uintptr(dir), unix.F_GETFL, 0); err != nil || flags&unix.O_PATH != 0 {
		fd, err := openDir(dir, ".", 0)
		if err != nil {
			return l.failed("fsync", err)
		}
		defer unix.Close(fd)
		dir = fd
	}
	return l.durable(ctx, append(further, dir)...)
}

func openDir(dir int, name string, flags int) (int, error) {
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC|flags, 0)
}

// lstatAt returns the status of base in the folder dir, nil where nothing is.
func lstatAt(dir int, base string) (*unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &st, nil
}

// copyTo writes all of r to the descriptor, and looks at ctx between two pieces.
func (l *Local) copyTo(ctx context.Context, fd int, r io.Reader) error {
	buffer := l.buffers.Get().(*[]byte)
	defer l.buffers.Put(buffer)
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
