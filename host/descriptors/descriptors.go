// Package descriptors is about the files that this process may have open at a time.
package descriptors

import "golang.org/x/sys/unix"

// Limit is how many files this process may have open, by its RLIMIT_NOFILE: callers that work on many at a time keep well below.
func Limit() int {
	const usual = 1024
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return usual
	}
	return int(min(limit.Cur, 1<<20))
}

// MakeRoom makes room for n open files in this process's table of descriptors. As the table fills the kernel doubles it, and each time who opens a file
// waits for milliseconds, until no other thread uses the old one (expand_files, fs/file.c). It is of use only: nothing fails without.
func MakeRoom(n int) {
	if fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, min(n, Limit())-1); err == nil {
		_ = unix.Close(fd)
	}
}
