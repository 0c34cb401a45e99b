package host

import "golang.org/x/sys/unix"

// OpenFiles is how many files this process may have open, by its RLIMIT_NOFILE: who works on many at a time keeps well below.
func OpenFiles() int {
	const usual = 1024
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return usual
	}
	return int(min(limit.Cur, 1<<20))
}
