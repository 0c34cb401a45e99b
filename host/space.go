package host

import (
	"golang.org/x/sys/unix"
)

// SpaceReader is what a [View] may also be: it knows how full file systems are.
type SpaceReader interface {
	// Space tells of the file system that name lies on; a link at name is not followed. It hangs as long as a dead file system does.
	Space(name string) (Space, error)
}

// Space is the room of a file system, in bytes.
type Space struct {
	Size      uint64
	Free      uint64 // what is not used
	Available uint64 // what of that is not kept back for root
}

var _ SpaceReader = (*Local)(nil)

// Space implements [SpaceReader].
func (l *Local) Space(name string) (Space, error) {
	fd, err := l.root.Node(name)
	if err != nil {
		return Space{}, l.failed("statfs", err)
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return Space{}, l.failed("statfs", err)
	}
	block := uint64(st.Frsize)
	if block == 0 {
		block = uint64(st.Bsize)
	}
	return Space{Size: st.Blocks * block, Free: st.Bfree * block, Available: st.Bavail * block}, nil
}
