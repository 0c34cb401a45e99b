package host

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/internal/beneath"
)

// Lstat implements [FileReader].
func (l *Local) Lstat(name string) (Stat, error) {
	st, err := l.lstat(name)
	return st, l.failed("stat", err)
}

func (l *Local) lstat(name string) (Stat, error) {
	dir, base, err := l.root.Above(name)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return Stat{Orphan: true}, nil
	}
	if err != nil {
		return Stat{}, err
	}
	defer unix.Close(dir)
	st, err := lstatAt(dir, base)
	if st == nil || err != nil {
		return Stat{}, err
	}
	return statOf(st), nil
}

// Open implements [FileReader]. The file's access time is left alone where the kernel lets us.
func (l *Local) Open(name string) (File, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, l.failed("open", err)
	}
	return f, nil
}

// open looks before it opens: to open a device can be to do something with it.
func (l *Local) open(name string) (*reader, error) {
	dir, base, err := l.root.Above(name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	var st, opened unix.Stat_t
	if err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, err
	}
	if kind := kindOf(st.Mode); kind != Regular {
		return nil, fmt.Errorf("%s is a %s, not a file", name, kind)
	}
	if err := l.root.CheckHardLinks(dir, &st, name); err != nil {
		return nil, err
	}
	fd, err := openQuietly(func(noatime int) (int, error) {
		return unix.Openat(dir, base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC|noatime, 0)
	})
	if err != nil {
		return nil, err
	}
	if err = unix.Fstat(fd, &opened); err == nil && (opened.Dev != st.Dev || opened.Ino != st.Ino) {
		err = fmt.Errorf("%s: somebody replaced it meanwhile", name)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &reader{fd: fd, name: name, st: statOf(&opened)}, nil
}

// openQuietly opens something without a trace in its access time, which is for the owner and root: without that for others.
func openQuietly(open func(noatime int) (int, error)) (int, error) {
	fd, err := open(unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) {
		return open(0)
	}
	return fd, err
}

// reader reads a regular file. An os.File would ask the kernel of each one whether it can be polled, which takes longer than to read a small one.
type reader struct {
	fd   int
	name string
	st   Stat
}

// Stat implements [File].
func (r *reader) Stat() Stat { return r.st }

// Xattrs implements [File].
func (r *reader) Xattrs() (map[string][]byte, error) {
	all, err := xattrs(r.fd)
	if err != nil {
		return nil, fmt.Errorf("getxattr: %w", err)
	}
	return all, nil
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(r.fd, p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, &os.PathError{Op: "read", Path: r.name, Err: err}
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	fd := r.fd
	if fd < 0 {
		return os.ErrClosed
	}
	r.fd = -1
	return unix.Close(fd)
}

// reopen opens what the O_PATH descriptor fd stands for.
func reopen(fd int, name string, flags int) (*os.File, error) {
	n, err := reopenFD(fd, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(n), name), nil
}

func reopenFD(fd, flags int) (int, error) {
	return openQuietly(func(noatime int) (int, error) {
		return unix.Open(beneath.ProcName(fd), flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY|noatime, 0)
	})
}

// Readlink implements [FileReader].
func (l *Local) Readlink(name string) (string, error) {
	fd, err := l.root.Node(name)
	if err != nil {
		return "", l.failed("readlink", err)
	}
	defer unix.Close(fd)
	target, err := beneath.Readlink(fd)
	return target, l.failed("readlink", err)
}

// ReadDir implements [FileReader]. The names, and nothing else, are held in memory until all are yielded.
func (l *Local) ReadDir(name string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		names, err := l.names(name)
		if err != nil {
			yield("", l.failed("readdir", err))
			return
		}
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func (l *Local) names(name string) ([]string, error) {
	fd, err := l.root.Node(name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	d, err := reopen(fd, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// Xattrs implements [FileReader].
func (l *Local) Xattrs(name string) (map[string][]byte, error) {
	fd, err := l.root.Node(name)
	if err != nil {
		return nil, l.failed("getxattr", err)
	}
	defer unix.Close(fd)
	all, err := xattrs(fd)
	return all, l.failed("getxattr", err)
}

// xattrs reads the extended attributes of what the descriptor stands for; a file system without any has none.
func xattrs(fd int) (map[string][]byte, error) {
	of := beneath.ProcName(fd)
	list, err := grown(func(b []byte) (int, error) { return unix.Listxattr(of, b) })
	if err != nil || len(list) == 0 {
		return nil, err
	}
	all := map[string][]byte{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		value, err := grown(func(b []byte) (int, error) { return unix.Getxattr(of, name, b) })
		switch {
		case errors.Is(err, unix.ENODATA): // removed since it was listed
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		default:
			all[name] = value
		}
	}
	return all, nil
}

// grown calls get with a bigger buffer until the value fits. What a file system does not support is empty.
func grown(get func([]byte) (int, error)) ([]byte, error) {
	for size := 256; ; size *= 8 {
		b := make([]byte, size)
		n, err := get(b)
		switch {
		case errors.Is(err, unix.ERANGE) && size < 1<<20:
		case errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		case err != nil:
			return nil, err
		default:
			return b[:n], nil
		}
	}
}

// failed returns err with the operation before it, and nil for nil.
func (l *Local) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	if r := l.refused(err); r != err {
		return r
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err // the name is known to who called, and may be a temporary one
	}
	return fmt.Errorf("%s: %w", op, err)
}

func kindOf(mode uint32) Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return Regular
	case unix.S_IFDIR:
		return Directory
	case unix.S_IFLNK:
		return Symlink
	case unix.S_IFIFO:
		return Fifo
	case unix.S_IFSOCK:
		return Socket
	case unix.S_IFCHR:
		return CharDevice
	}
	return BlockDevice
}

func timeOf(t unix.Timespec) time.Time { return time.Unix(t.Unix()) }
