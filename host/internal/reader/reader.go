// Package reader looks at the files of a node, its mounts among them.
package reader

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/beneath"
	"github.com/nodeapply/apply/host/internal/inode"
)

// Reader is the files of a node: all below the folder of its root.
type Reader struct {
	// Owner names a user in an error.
	Owner func(uid uint32) string

	root *beneath.Root
	name string // of the root's folder, as this machine sees it
}

// New returns a Reader of the files below root, which is the folder of that name.
func New(root *beneath.Root, name string) *Reader {
	return &Reader{root: root, name: name, Owner: func(uid uint32) string { return fmt.Sprintf("owner %d", uid) }}
}

// Lstat implements [host.FileReader].
func (r *Reader) Lstat(name string) (host.Stat, error) {
	st, err := r.lstat(name)
	return st, r.Failed("stat", err)
}

func (r *Reader) lstat(name string) (host.Stat, error) {
	dir, base, err := r.root.Above(name)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return host.Stat{Orphan: true}, nil
	}
	if err != nil {
		return host.Stat{}, err
	}
	defer unix.Close(dir)
	return r.lstatAt(dir, base, name)
}

func (r *Reader) lstatAt(dir int, base, name string) (host.Stat, error) {
	st, err := inode.Lstat(dir, base)
	switch {
	case err != nil:
		return host.Stat{}, err
	case st == nil:
		return absent(dir), nil
	}
	return r.statOf(dir, st, name), nil
}

// statOf is what there is to be said of what is at name, in the folder dir.
func (r *Reader) statOf(dir int, st *unix.Stat_t, name string) host.Stat {
	is := inode.StatOf(st)
	if is.Kind == host.Symlink {
		if err := r.root.CheckLink(dir, st, name); err != nil {
			is.Planted = r.Refused(err).Error()
		}
	}
	return is
}

// absent is what there is to be said of a name in the folder dir at which nothing is.
func absent(dir int) host.Stat { return host.Stat{Folder: inode.FlagsOf(dir, ".")} }

// Open implements [host.FileReader]. The file's access time is left alone where the kernel lets us.
func (r *Reader) Open(name string) (host.File, error) {
	f, err := r.open(name)
	if err != nil {
		return nil, r.Failed("open", err)
	}
	return f, nil
}

func (r *Reader) open(name string) (*file, error) {
	dir, base, err := r.root.Above(name)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil, &host.NotFileError{Name: name, Stat: host.Stat{Orphan: true}, Err: err}
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	return r.openAt(dir, base, name)
}

// openAt opens the file base of the folder dir, and looks before it opens: to open a device can be to do something with it.
func (r *Reader) openAt(dir int, base, name string) (*file, error) {
	var st, opened unix.Stat_t
	err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil, &host.NotFileError{Name: name, Stat: absent(dir), Err: err}
	}
	if err != nil {
		return nil, err
	}
	if inode.KindOf(st.Mode) != host.Regular {
		return nil, &host.NotFileError{Name: name, Stat: r.statOf(dir, &st, name)}
	}
	if err := r.root.CheckHardLinks(dir, &st, name); err != nil {
		return nil, err
	}
	fd, err := inode.OpenQuietly(func(noatime int) (int, error) {
		return unix.Openat(dir, base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC|noatime, 0)
	})
	if err != nil {
		return nil, err
	}
	if err = unix.Fstat(fd, &opened); err == nil && !inode.Same(&opened, &st) {
		err = fmt.Errorf("%s: somebody replaced it meanwhile", name)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &file{fd: fd, name: name, st: inode.StatOf(&opened)}, nil
}

// file reads a regular file. An os.File would ask the kernel of each one whether it can be polled, which takes longer than to read a small one.
type file struct {
	fd   int
	name string
	st   host.Stat
}

// Of returns what reads from the descriptor fd, of the file called name.
func Of(fd int, name string) io.Reader { return &file{fd: fd, name: name} }

// Stat implements [host.File].
func (f *file) Stat() host.Stat { return f.st }

// Xattrs implements [host.File].
func (f *file) Xattrs() (map[string][]byte, error) {
	all, err := inode.Xattrs(f.fd)
	if err != nil {
		return nil, fmt.Errorf("getxattr: %w", err)
	}
	return all, nil
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(f.fd, p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, &os.PathError{Op: "read", Path: f.name, Err: err}
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Close implements io.Closer.
func (f *file) Close() error {
	fd := f.fd
	if fd < 0 {
		return os.ErrClosed
	}
	f.fd = -1
	return unix.Close(fd)
}

// Readlink implements [host.FileReader].
func (r *Reader) Readlink(name string) (string, error) {
	fd, err := r.root.Node(name)
	if err != nil {
		return "", r.Failed("readlink", err)
	}
	defer unix.Close(fd)
	target, err := beneath.Readlink(fd)
	return target, r.Failed("readlink", err)
}

// ReadDir implements [host.FileReader]. The names, and nothing else, are held in memory until all are yielded.
func (r *Reader) ReadDir(name string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		names, err := r.Names(name)
		if err != nil {
			yield("", r.Failed("readdir", err))
			return
		}
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func (r *Reader) Names(name string) ([]string, error) {
	fd, err := r.root.Node(name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	d, err := inode.Reopen(fd, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// Xattrs implements [host.FileReader].
func (r *Reader) Xattrs(name string) (map[string][]byte, error) {
	fd, err := r.root.Node(name)
	if err != nil {
		return nil, r.Failed("getxattr", err)
	}
	defer unix.Close(fd)
	all, err := inode.Xattrs(fd)
	return all, r.Failed("getxattr", err)
}

// Flags implements [host.FileReader].
func (r *Reader) Flags(name string) (own, folder host.Flags, err error) {
	dir, base, err := r.root.Above(name)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return own, folder, nil
	}
	if err != nil {
		return own, folder, r.Failed("stat", err)
	}
	defer unix.Close(dir)
	return inode.FlagsOf(dir, base), inode.FlagsOf(dir, "."), nil
}

// Failed returns err with the operation before it, and nil for nil.
func (r *Reader) Failed(op string, err error) error {
	if err == nil {
		return nil
	}
	if r := r.Refused(err); r != err {
		return r
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err // the name is known to who called, and may be a temporary one
	}
	return fmt.Errorf("%s: %w", op, err)
}

// Refused puts the name of the owner into the error for a name that somebody else may have prepared.
func (r *Reader) Refused(err error) error {
	var no *beneath.Refused
	if !errors.As(err, &no) {
		return err
	}
	return fmt.Errorf("%s: refused: %s (%s)", no.Component, no.Why, r.Owner(no.Owner))
}
