// Package syncer makes files durable together: who asks while another's sync is under way waits for the next one, which is then one
// for all. Many files of one file system cost one syncfs(2), a few cost an fsync(2) each.
package syncer

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Group is a set of files that are made durable together.
type Group struct {
	turn  chan struct{}      // holds one token while somebody syncs
	whole func(fd int) error // syncfs(2), nil where that cannot be relied upon; of who holds the turn

	mu      sync.Mutex
	pending []*request

	disks map[uint64]*disk // of who holds the turn
}

// New returns an empty Group. Before Linux 5.8 it does without syncfs(2), which did not tell of errors.
func New() *Group {
	g := &Group{turn: make(chan struct{}, 1), disks: map[uint64]*disk{}}
	if syncfsTells() {
		g.whole = unix.Syncfs
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

// Sync returns when what was written to the files (or folders) that the descriptors stand for is on disk: see [Group.Join] and [Joined.Wait].
func (g *Group) Sync(gather func(joined func() int), fds ...int) error {
	j, err := g.Join(fds...)
	if err != nil {
		return err
	}
	return j.Wait(gather)
}

// Joined are files that take part in the next sync of a group.
type Joined struct {
	g     *Group
	mine  []*request
	first bool
}

// Join has the files (or folders) that the descriptors stand for, which were opened for reading or writing, take part in the next sync. They must stay open
// until Wait has returned.
func (g *Group) Join(fds ...int) (Joined, error) {
	j := Joined{g: g, mine: make([]*request, 0, len(fds))}
	for _, fd := range fds {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return j, err
		}
		j.mine = append(j.mine, &request{fd: fd, key: key{st.Dev, st.Ino}, done: make(chan struct{})})
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	j.first = len(g.pending) == 0
	g.pending = append(g.pending, j.mine...)
	return j, nil
}

// First says that nobody else took part when these files joined.
func (j Joined) First() bool { return j.first }

// Wait returns when what was written to the files is on disk. Who syncs for all calls gather before, which returns when no others are to be expected soon;
// joined tells it how many files there are until now.
func (j Joined) Wait(gather func(joined func() int)) error {
	g := j.g
	var first error
	for _, r := range j.mine {
		select {
		case <-r.done:
		case g.turn <- struct{}{}:
			select {
			case <-r.done: // in the sync before
				<-g.turn
			default:
				gather(g.joined)
				g.mu.Lock()
				batch := g.pending
				g.pending = nil
				g.mu.Unlock()
				g.flush(batch)
				<-g.turn
				<-r.done
			}
		}
		if first == nil {
			first = r.err
		}
	}
	return first
}

func (g *Group) joined() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.pending)
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
	for dev, files := range devices {
		d := g.disks[dev]
		if d == nil {
			d = newDisk()
			g.disks[dev] = d
		}
		g.sync(d, files)
	}
}

// sync makes files of one file system durable, in the way that promises to take less time.
func (g *Group) sync(d *disk, files map[key][]*request) {
	var whole error
	start, all := time.Now(), g.whole != nil && d.preferAll(len(files))
	if all {
		for _, rs := range files {
			whole = again(g.whole, rs[0].fd)
			break
		}
		if errors.Is(whole, unix.ENOSYS) || errors.Is(whole, unix.EPERM) { // a sandbox that does not know the call
			g.whole, all = nil, false
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
	d.took(all, len(files), time.Since(start))
}

// disk is what is known of the speed of one file system. A syncfs(2) writes also what others have written there: next to a busy
// database it takes longer than a thousand times fsync(2).
type disk struct {
	each time.Duration // what an fsync(2) takes
	all  time.Duration // what a syncfs(2) takes
}

// What is assumed of a file system at first: an fsync for each of four files takes as long as a syncfs.
const (
	usualEach = time.Millisecond
	usualAll  = 4 * usualEach
)

func newDisk() *disk { return &disk{each: usualEach, all: usualAll} }

func (d *disk) preferAll(files int) bool { return time.Duration(files)*d.each > d.all }

// took notes how long a sync took. What is assumed of the way that was not taken goes back to the usual, so that it is tried again.
func (d *disk) took(all bool, files int, t time.Duration) {
	if all {
		d.all, d.each = (d.all+t)/2, (9*d.each+usualEach)/10
	} else {
		d.each, d.all = (d.each+t/time.Duration(files))/2, (9*d.all+usualAll)/10
	}
}

func again(f func(int) error, fd int) error {
	for {
		if err := f(fd); err != unix.EINTR {
			return err
		}
	}
}
