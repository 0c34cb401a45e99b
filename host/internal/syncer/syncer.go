// Package syncer makes files durable together: who asks while another's sync is under way waits for the next one, which is then one
// for all. Many files of one file system cost one syncfs(2), a few cost an fsync(2) each.
package syncer

import (
	"fmt"
	"math"
	"sync"

	"golang.org/x/sys/unix"
)

// Group is a set of files that are made durable together.
type Group struct {
	turn    chan struct{} // holds one token while somebody syncs
	few     int           // the number of files of one file system up to which each is synced alone
	mu      sync.Mutex
	pending []*request
}

// New returns an empty Group. A few files are synced one by one, so that a small change does not have to wait for what others have written;
// before Linux 5.8 all are, for syncfs(2) did not tell of errors.
func New() *Group {
	g := &Group{turn: make(chan struct{}, 1), few: 4}
	if !syncfsTells() {
		g.few = math.MaxInt
	}
	return g
}

func syncfsTells() bool {
	var u unix.Utsname
	var major, minor int
	if unix.Uname(&u) != nil {
		return false
	}
	n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	return n == 2 && (major > 5 || major == 5 && minor >= 8)
}

type request struct {
	fd   int
	key  key
	err  error
	done chan struct{}
}

type key struct{ dev, ino uint64 }

// Sync returns when what was written to the files (or folders) that the descriptors stand for is on disk. It needs descriptors that
// were opened for reading or writing, and they must stay open until it returns.
func (g *Group) Sync(fds ...int) error {
	mine := make([]*request, 0, len(fds))
	for _, fd := range fds {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		mine = append(mine, &request{fd: fd, key: key{st.Dev, st.Ino}, done: make(chan struct{})})
	}
	g.mu.Lock()
	g.pending = append(g.pending, mine...)
	g.mu.Unlock()
	var first error
	for _, r := range mine {
		select {
		case <-r.done:
		case g.turn <- struct{}{}:
			g.mu.Lock()
			batch := g.pending
			g.pending = nil
			g.mu.Unlock()
			g.flush(batch)
			<-g.turn
			<-r.done // in this batch or in an earlier one
		}
		if first == nil {
			first = r.err
		}
	}
	return first
}

func (g *Group) flush(batch []*request) {
	devices := map[uint64]map[key][]*request{}
	for _, r := range batch {
		files := devices[r.key.dev]
		if files == nil {
			files = map[key][]*request{}
			devices[r.key.dev] = files
		}
		files[r.key] = append(files[r.key], r)
	}
	for _, files := range devices {
		var whole error
		all := len(files) > g.few
		if all {
			for _, rs := range files {
				whole = again(unix.Syncfs, rs[0].fd)
				break
			}
		}
		for _, rs := range files {
			err := whole
			if !all {
				err = again(unix.Fsync, rs[0].fd)
			}
			for _, r := range rs {
				r.err = err
				close(r.done)
			}
		}
	}
}

func again(f func(int) error, fd int) error {
	for {
		if err := f(fd); err != unix.EINTR {
			return err
		}
	}
}
