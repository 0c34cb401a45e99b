package limits

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Node are all files, as Host, but root follows links of another user only to that user's files: who can make links in a folder does not
// choose which of the files that he may not read are shown, or written somewhere else.
type Node struct{}

// Stat is that of what OpenFile opens.
func (n Node) Stat(name string) (fs.FileInfo, error) {
	f, err := n.OpenFile(name, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// OpenFile opens a file for reading.
func (Node) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	if os.Geteuid() != 0 {
		return os.OpenFile(name, flag, perm)
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	f, err := withoutLinks(name, flag)
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // an old kernel, or a sandbox that does not know the call
		return os.OpenFile(name, flag, perm)
	case !errors.Is(err, unix.ELOOP):
		return f, err
	}
	real, makers, err := follow(name)
	if err != nil {
		return nil, err
	}
	if f, err = withoutLinks(real, flag); err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "stat", Path: name, Err: err}, f.Close())
	}
	sudo := os.Getenv("SUDO_UID")
	for _, by := range makers {
		if by != 0 && by != st.Uid && strconv.Itoa(int(by)) != sudo {
			return nil, errors.Join(fmt.Errorf("%s: refused: a link of uid %d to a file of uid %d", name, by, st.Uid), f.Close())
		}
	}
	return f, nil
}

// withoutLinks opens a name that has no links in it, else the error is ELOOP.
func withoutLinks(name string, flag int) (*os.File, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{Flags: uint64(flag | unix.O_CLOEXEC), Resolve: unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// follow returns the name without links of what a name leads to, and who made these. What is at any of the names may be another thing by now.
func follow(name string) (real string, makers []uint32, err error) {
	at, todo := "/", strings.Split(name, "/")
	for len(todo) > 0 {
		next := filepath.Join(at, todo[0])
		todo = todo[1:]
		var st unix.Stat_t
		if err := unix.Lstat(next, &st); err != nil {
			return "", nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			at = next
			continue
		}
		const most = 40 // as the kernel
		if makers = append(makers, st.Uid); len(makers) > most {
			return "", nil, &fs.PathError{Op: "open", Path: name, Err: unix.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", nil, err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return at, makers, nil
}
