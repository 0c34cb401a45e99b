package fetch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// What is left to this machine by a node that sends without end: a twentieth of the disk, or less.
const (
	keptShare = 20
	keptBytes = 1 << 30
	keptFiles = 100_000
	lookEvery = 1 << 20 // bytes, and files: lookFiles
	lookFiles = 1 << 10
)

// room counts what one node has sent. A fetch that has itself taken more than what is to be left ends where no more than that is left, so that a small one always
// has its place, and a large one that fits too.
type room struct {
	dir          string
	bytes, files uint64
	look         uint64 // at how many bytes the disk is looked at next
}

// Write counts bytes before they are written.
func (r *room) Write(p []byte) (int, error) { return len(p), r.take(len(p)) }

// take counts n bytes, or with 0 a file.
func (r *room) take(n int) error {
	r.bytes += uint64(n)
	if n == 0 {
		if r.files++; r.files%lookFiles != 0 {
			return nil
		}
	} else if r.bytes < r.look {
		return nil
	}
	r.look = r.bytes + lookEvery
	var s unix.Statfs_t
	if err := unix.Statfs(r.dir, &s); err != nil {
		return err
	}
	block := uint64(s.Bsize)
	// What is told is the same for every node, so that many are one line. Of a disk of a few MiB, which a write fills between two looks, the kernel tells.
	if kept := min(keptBytes, s.Blocks*block/keptShare); kept >= lookEvery && r.bytes > kept && s.Bavail*block < kept {
		return fmt.Errorf("it would leave less than %d MiB of the disk here", kept>>20)
	}
	if kept := min(keptFiles, s.Files/keptShare); r.files > kept && s.Ffree < kept { // a file system that does not count them has 0 of 0
		return fmt.Errorf("it would leave room for fewer than %d files on the disk here", kept)
	}
	return nil
}
