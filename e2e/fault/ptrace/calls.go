//go:build linux && amd64

package ptrace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// call says how the arguments of a system call name the file that it is about.
type call struct {
	name string
	fd   int // index of the argument that is the file's or the folder's descriptor, -1 for none
	path int // index of the argument that points to a name, -1 for none
	// writes: the call counts only for files and folders, not for pipes, sockets and what else has a descriptor.
	writes bool
	flags  int // index of the argument with the flags of open(2), 0 for none
}

// calls are the system calls that change files, and those that open them.
var calls = map[uint64]call{
	unix.SYS_OPEN:            {"open", -1, 0, false, 1},
	unix.SYS_OPENAT:          {"openat", 0, 1, false, 2},
	unix.SYS_OPENAT2:         {"openat2", 0, 1, false, 2},
	unix.SYS_CREAT:           {"creat", -1, 0, false, 0},
	unix.SYS_WRITE:           {"write", 0, -1, true, 0},
	unix.SYS_PWRITE64:        {"pwrite64", 0, -1, true, 0},
	unix.SYS_WRITEV:          {"writev", 0, -1, true, 0},
	unix.SYS_PWRITEV:         {"pwritev", 0, -1, true, 0},
	unix.SYS_PWRITEV2:        {"pwritev2", 0, -1, true, 0},
	unix.SYS_SENDFILE:        {"sendfile", 0, -1, true, 0},
	unix.SYS_COPY_FILE_RANGE: {"copy_file_range", 2, -1, true, 0},
	unix.SYS_SPLICE:          {"splice", 2, -1, true, 0},
	unix.SYS_TRUNCATE:        {"truncate", -1, 0, false, 0},
	unix.SYS_FTRUNCATE:       {"ftruncate", 0, -1, false, 0},
	unix.SYS_FALLOCATE:       {"fallocate", 0, -1, false, 0},
	unix.SYS_FSYNC:           {"fsync", 0, -1, false, 0},
	unix.SYS_FDATASYNC:       {"fdatasync", 0, -1, false, 0},
	unix.SYS_SYNCFS:          {"syncfs", 0, -1, false, 0},
	unix.SYS_SYNC_FILE_RANGE: {"sync_file_range", 0, -1, false, 0},
	unix.SYS_RENAME:          {"rename", -1, 1, false, 0},
	unix.SYS_RENAMEAT:        {"renameat", 2, 3, false, 0},
	unix.SYS_RENAMEAT2:       {"renameat2", 2, 3, false, 0},
	unix.SYS_LINK:            {"link", -1, 1, false, 0},
	unix.SYS_LINKAT:          {"linkat", 2, 3, false, 0},
	unix.SYS_SYMLINK:         {"symlink", -1, 1, false, 0},
	unix.SYS_SYMLINKAT:       {"symlinkat", 1, 2, false, 0},
	unix.SYS_UNLINK:          {"unlink", -1, 0, false, 0},
	unix.SYS_UNLINKAT:        {"unlinkat", 0, 1, false, 0},
	unix.SYS_MKDIR:           {"mkdir", -1, 0, false, 0},
	unix.SYS_MKDIRAT:         {"mkdirat", 0, 1, false, 0},
	unix.SYS_RMDIR:           {"rmdir", -1, 0, false, 0},
	unix.SYS_MKNOD:           {"mknod", -1, 0, false, 0},
	unix.SYS_MKNODAT:         {"mknodat", 0, 1, false, 0},
	unix.SYS_CHMOD:           {"chmod", -1, 0, false, 0},
	unix.SYS_FCHMOD:          {"fchmod", 0, -1, false, 0},
	unix.SYS_FCHMODAT:        {"fchmodat", 0, 1, false, 0},
	unix.SYS_FCHMODAT2:       {"fchmodat2", 0, 1, false, 0},
	unix.SYS_CHOWN:           {"chown", -1, 0, false, 0},
	unix.SYS_LCHOWN:          {"lchown", -1, 0, false, 0},
	unix.SYS_FCHOWN:          {"fchown", 0, -1, false, 0},
	unix.SYS_FCHOWNAT:        {"fchownat", 0, 1, false, 0},
	unix.SYS_SETXATTR:        {"setxattr", -1, 0, false, 0},
	unix.SYS_LSETXATTR:       {"lsetxattr", -1, 0, false, 0},
	unix.SYS_FSETXATTR:       {"fsetxattr", 0, -1, false, 0},
	unix.SYS_REMOVEXATTR:     {"removexattr", -1, 0, false, 0},
	unix.SYS_LREMOVEXATTR:    {"lremovexattr", -1, 0, false, 0},
	unix.SYS_FREMOVEXATTR:    {"fremovexattr", 0, -1, false, 0},
	unix.SYS_UTIMENSAT:       {"utimensat", 0, 1, false, 0},
	unix.SYS_IOCTL:           {"ioctl", 0, -1, true, 0},
	unix.SYS_MOUNT:           {"mount", -1, 1, false, 0},
	unix.SYS_UMOUNT2:         {"umount2", -1, 0, false, 0},
	unix.SYS_MOVE_MOUNT:      {"move_mount", 2, 3, false, 0},
	unix.SYS_MOUNT_SETATTR:   {"mount_setattr", 0, 1, false, 0},
}

// describe says what the thread is about to do; false: nothing that is of interest.
func describe(tid int, regs *unix.PtraceRegs) (Call, bool) {
	what, ok := calls[regs.Orig_rax]
	if !ok {
		return Call{}, false
	}
	args := [6]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9}
	c := Call{Name: what.name, Changes: true}
	if what.writes && !isFile(tid, args[what.fd]) {
		return Call{}, false
	}
	if what.flags > 0 {
		flags := args[what.flags]
		if regs.Orig_rax == unix.SYS_OPENAT2 {
			flags = binary.LittleEndian.Uint64(peek(tid, flags, 8))
		}
		const tmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY
		c.Changes = flags&unix.O_PATH == 0 && flags&(unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_RDWR|tmpfile) != 0
	}
	dir := ""
	if what.fd >= 0 {
		dir = descriptor(tid, args[what.fd])
	}
	if what.path >= 0 {
		c.Path = text(tid, args[what.path])
	}
	switch {
	case c.Path == "":
		c.Path = dir
	case !filepath.IsAbs(c.Path):
		c.Path = filepath.Join(dir, c.Path)
	case strings.HasPrefix(c.Path, "/proc/self/fd/"):
		c.Path, _ = os.Readlink(fmt.Sprintf("/proc/%d/%s", tid, strings.TrimPrefix(c.Path, "/proc/self/")))
	}
	return c, !strings.HasPrefix(c.Path, "/dev/")
}

func descriptor(tid int, fd uint64) string {
	if int32(fd) == unix.AT_FDCWD {
		name, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", tid))
		return name
	}
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
	return name
}

func isFile(tid int, fd uint64) bool {
	info, err := os.Stat(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
	// An eventfd, by which Go's runtime wakes itself, looks regular too.
	return err == nil && (info.Mode().IsRegular() || info.IsDir()) && !strings.HasPrefix(descriptor(tid, fd), "anon_inode:")
}

// peek reads the memory of a thread; what cannot be read is zero.
func peek(tid int, at uint64, size int) []byte {
	b := make([]byte, size)
	_, _ = unix.PtracePeekData(tid, uintptr(at), b)
	return b
}

func text(tid int, at uint64) string {
	var all []byte
	for len(all) < unix.PathMax {
		// Up to the next page, which may not be there.
		b := peek(tid, at, int(256-at%256))
		if n := bytes.IndexByte(b, 0); n >= 0 {
			return string(append(all, b[:n]...))
		}
		all = append(all, b...)
		at += uint64(len(b))
	}
	return string(all)
}
