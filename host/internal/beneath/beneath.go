// Package beneath reaches files by descriptor, component by component, below a root folder.
//
// Symbolic links are resolved inside the root, and only where nobody but root or the caller can have planted them: a link owned by
// one of these, in a folder that nobody else can write. Every other link ends in [*Refused]. Where the kernel has openat2(2), a name
// without links is reached by one call.
package beneath

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const maxLinks = 40 // as the kernel's own limit

// Refused is the error for a name that somebody else may have prepared as a trap.
type Refused struct {
	Component string // absolute, as the node sees it
	Owner     uint32
	Why       string
}

func (e *Refused) Error() string {
	return fmt.Sprintf("%s: refused: %s (owner %d)", e.Component, e.Why, e.Owner)
}

// Root is the folder below which names are reached.
type Root struct {
	// Answers, if set, is asked before a name is reached whether the file system there can be touched at all.
	Answers func(name string) error
	// Served, if set, says whether others serve the file system there.
	Served func(name string) bool

	fd     int
	caller uint32
	noFast atomic.Bool // openat2 is missing or forbidden
	device uint64
	inode  uint64
}

// Open returns the root at the folder dir of this machine.
func Open(dir string) (*Root, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return nil, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	return &Root{fd: fd, caller: uint32(os.Geteuid()), device: st.Dev, inode: st.Ino}, nil
}

// Close releases the root.
func (r *Root) Close() error { return unix.Close(r.fd) }

// Is says whether st is the root folder itself.
func (r *Root) Is(st *unix.Stat_t) bool { return st.Dev == r.device && st.Ino == r.inode }

// Clean returns name without dots and doubled slashes; a name that is not absolute is an error.
func Clean(name string) (string, error) {
	if !strings.HasPrefix(name, "/") {
		return "", fmt.Errorf("%q: not an absolute name", name)
	}
	if strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("%q: a zero byte in a name", name)
	}
	return path.Clean(name), nil
}

// Node returns an O_PATH descriptor of what is at name itself; a link there is not followed.
func (r *Root) Node(name string) (int, error) {
	name, err := Clean(name)
	if err != nil {
		return -1, err
	}
	return r.reach(name, unix.O_PATH, false)
}

// dir returns a descriptor of the folder at name, O_PATH where it may not be read; a trustworthy link there is followed.
func (r *Root) dir(name string) (int, error) {
	fd, err := r.reach(name, unix.O_RDONLY|unix.O_DIRECTORY, true)
	if errors.Is(err, unix.EACCES) {
		return r.reach(name, unix.O_PATH|unix.O_DIRECTORY, true)
	}
	return fd, err
}

// Parent returns a descriptor of the folder that holds name, O_PATH where it may not be read, and name's last component ("." for the root itself). A
// trustworthy link to the folder is followed.
func (r *Root) Parent(name string) (int, string, error) {
	name, err := Clean(name)
	if err != nil {
		return -1, "", err
	}
	fd, err := r.dir(path.Dir(name))
	return fd, last(name), err
}

// Above is Parent for those who only look: the descriptor is O_PATH.
func (r *Root) Above(name string) (int, string, error) {
	name, err := Clean(name)
	if err != nil {
		return -1, "", err
	}
	if err := r.Answer(name); err != nil {
		return -1, "", err
	}
	fd, err := r.Folder(path.Dir(name))
	return fd, last(name), err
}

// Folder returns an O_PATH descriptor of the folder at name, which is clean; a trustworthy link there is followed.
func (r *Root) Folder(name string) (int, error) {
	return r.reach(name, unix.O_PATH|unix.O_DIRECTORY, true)
}

// last is the last component of a clean name, "." of the root.
func last(name string) string {
	if name == "/" {
		return "."
	}
	return path.Base(name)
}

func (r *Root) reach(name string, flags int, follow bool) (int, error) {
	if err := r.Answer(name); err != nil {
		return -1, err
	}
	flags |= unix.O_NOFOLLOW | unix.O_CLOEXEC
	if !r.noFast.Load() {
		how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH}
		fd, err := retry(func() (int, error) { return unix.Openat2(r.fd, relative(name), &how) })
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM):
			r.noFast.Store(true) // an old kernel, or a sandbox that does not know the call
		case !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EXDEV):
			return -1, err
		}
	}
	fd, err := r.walk(name, follow)
	if err != nil || flags&unix.O_DIRECTORY == 0 {
		return fd, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		_ = unix.Close(fd)
		return -1, errors.Join(err, unix.ENOTDIR)
	}
	return fd, nil
}

// Answer says why nothing at name, which is clean, is to be touched, nil if it may be.
func (r *Root) Answer(name string) error {
	if r.Answers == nil {
		return nil
	}
	return r.Answers(name)
}

func relative(name string) string {
	if name == "/" {
		return "."
	}
	return name[1:]
}

// step is one folder on the way.
type step struct {
	fd   int
	name string
}

// walk goes to name one component at a time. The folders passed are kept open, so that ".." in a link means the folder we came from.
func (r *Root) walk(name string, follow bool) (int, error) {
	first, err := unix.FcntlInt(uintptr(r.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	way := []step{{fd: first}}
	defer func() {
		for _, s := range way {
			_ = unix.Close(s.fd)
		}
	}()
	drop := func(n int) {
		for _, s := range way[n:] {
			_ = unix.Close(s.fd)
		}
		way = way[:n]
	}
	todo := strings.Split(relative(name), "/")
	for links := 0; len(todo) > 0; {
		component := todo[0]
		todo = todo[1:]
		switch component {
		case "", ".":
			continue
		case "..":
			drop(max(1, len(way)-1))
			continue
		}
		top := way[len(way)-1]
		fd, err := openNode(top.fd, component)
		if err != nil {
			return -1, err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			_ = unix.Close(fd)
			return -1, err
		}
		kind := st.Mode & unix.S_IFMT
		if kind == unix.S_IFLNK && (len(todo) > 0 || follow) {
			target, err := r.target(way, fd, &st, component)
			_ = unix.Close(fd)
			if err != nil {
				return -1, err
			}
			if links++; links > maxLinks {
				return -1, unix.ELOOP
			}
			if strings.HasPrefix(target, "/") {
				drop(1)
			}
			todo = append(strings.Split(target, "/"), todo...)
			continue
		}
		if kind != unix.S_IFDIR && len(todo) > 0 {
			_ = unix.Close(fd)
			return -1, unix.ENOTDIR
		}
		way = append(way, step{fd, component})
	}
	last := way[len(way)-1].fd
	way = way[:len(way)-1]
	return last, nil
}

// target reads the link at fd, once it is sure who made it.
func (r *Root) target(way []step, fd int, st *unix.Stat_t, component string) (string, error) {
	names := make([]string, 0, len(way)+1)
	for _, s := range way {
		names = append(names, s.name)
	}
	where := "/" + path.Join(path.Join(names...), component)
	if err := r.CheckLink(way[len(way)-1].fd, st, where); err != nil {
		return "", err
	}
	return Readlink(fd)
}

// ProcName returns the name by which system calls that take no O_PATH descriptor reach the very file that fd stands for.
func ProcName(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// Readlink returns the target of the link that fd stands for.
func Readlink(fd int) (string, error) {
	for size := 256; ; size *= 4 {
		b := make([]byte, size)
		n, err := unix.Readlinkat(fd, "", b)
		if err != nil {
			return "", err
		}
		if n < size {
			return string(b[:n]), nil
		}
	}
}

func openNode(dir int, name string) (int, error) {
	return retry(func() (int, error) {
		return unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
}

func retry(f func() (int, error)) (int, error) {
	for {
		fd, err := f()
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// Follow returns the status of what name leads to through links of any owner, inside the root: for looking, where the outcome is not
// acted upon by descriptor.
func (r *Root) Follow(name string) (*unix.Stat_t, error) {
	name, err := Clean(name)
	if err != nil {
		return nil, err
	}
	if err := r.Answer(name); err != nil {
		return nil, err
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := retry(func() (int, error) { return unix.Openat2(r.fd, relative(name), &how) })
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		fd, err = r.walk(name, true)
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return &st, unix.Fstat(fd, &st)
}
