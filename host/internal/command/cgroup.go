package command

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Groups makes control groups (cgroup v2) for commands, below the one that this process is in: what left its process group can still
// be found there when a command has to be ended.
type Groups struct {
	dir  string
	next atomic.Int64
}

const (
	leafPrefix = "apply."
	endsSuffix = ".ends"          // of the group of a command that is let come to its end
	endsWithin = 10 * time.Second // else it hangs
)

// NewGroups returns nil where control groups cannot be written.
func NewGroups() *Groups {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(own)) {
		path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !ok {
			continue
		}
		for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			dir := filepath.Join(mount, path)
			if unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil && unix.Access(dir, unix.W_OK) == nil {
				return &Groups{dir: dir}
			}
		}
	}
	return nil
}

// Reap ends what commands of runs that were killed have left running, and removes their groups. Whoever has made a group holds its lock.
func (g *Groups) Reap() {
	if g == nil {
		return
	}
	old, _ := fs.Glob(os.DirFS(g.dir), leafPrefix+"*") // the folder's own name may have a backslash, as units' have
	for _, name := range old {
		dir := filepath.Join(g.dir, name)
		l, err := openLeaf(dir, g.dir)
		if err != nil {
			continue // its run goes on
		}
		if strings.HasSuffix(name, endsSuffix) {
			l.await(endsWithin)
		}
		l.kill()
		l.await(time.Second) // for the kernel to take them away
		_ = os.Remove(dir)
		_ = unix.Close(l.fd)
	}
}

// openLeaf opens and locks a group that nobody holds.
func openLeaf(dir, parent string) (*leaf, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		_, err = os.Lstat(dir) // whoever had the lock until now may have removed it
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &leaf{dir: dir, parent: parent, fd: fd}, nil
}

// leaf is the group of one command. All methods do nothing on nil.
type leaf struct {
	dir    string
	parent string
	fd     int
}

// leaf makes the group of a command, which says whether that is let come to its end.
func (g *Groups) leaf(ends bool) *leaf {
	if g == nil {
		return nil
	}
	dir := filepath.Join(g.dir, fmt.Sprintf("%s%d.%d", leafPrefix, os.Getpid(), g.next.Add(1)))
	if ends {
		dir += endsSuffix
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil
	}
	l, err := openLeaf(dir, g.dir)
	if err != nil {
		_ = os.Remove(dir)
		return nil
	}
	return l
}

func (l *leaf) descriptor() int {
	if l == nil {
		return 0
	}
	return l.fd
}

func (l *leaf) populated() bool {
	if l == nil {
		return false
	}
	b, _ := os.ReadFile(filepath.Join(l.dir, "cgroup.events"))
	return bytes.Contains(b, []byte("populated 1"))
}

// await waits until nobody is in the group any more, for some time.
func (l *leaf) await(within time.Duration) {
	for end := time.Now().Add(within); l.populated() && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
}

// kill ends all processes of the group, those that were forked meanwhile included (Linux 5.14).
func (l *leaf) kill() {
	if l == nil {
		return
	}
	if os.WriteFile(filepath.Join(l.dir, "cgroup.kill"), []byte("1"), 0) == nil {
		return
	}
	for range 100 { // an older kernel: until a pass finds nobody
		if len(l.processes()) == 0 {
			return
		}
		l.signal(unix.SIGKILL)
	}
}

// signal sends a signal to those who are in the group now.
func (l *leaf) signal(s unix.Signal) {
	for _, pid := range l.processes() {
		_ = unix.Kill(pid, s)
	}
}

func (l *leaf) processes() []int {
	if l == nil {
		return nil
	}
	b, _ := os.ReadFile(filepath.Join(l.dir, "cgroup.procs"))
	var all []int
	for s := range strings.FieldsSeq(string(b)) {
		if pid, err := strconv.Atoi(s); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// close removes the group. What lives on, a daemon, goes to where it would have been without. The lock is held until then, or another run would take the
// group for one that was left behind.
func (l *leaf) close() {
	if l == nil {
		return
	}
	defer unix.Close(l.fd)
	for range 100 { // a daemon may fork while it is moved
		if err := os.Remove(l.dir); err == nil || os.IsNotExist(err) {
			return
		}
		for _, pid := range l.processes() {
			_ = os.WriteFile(filepath.Join(l.parent, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
		}
	}
}
