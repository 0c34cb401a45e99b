// Package trace says which files the programs of a sandbox read and wrote, and which of its resources disagree about a file.
//
// Two sources complete each other. A Tracer (fanotify) sees contents: who opened, read, ran or wrote a file. A State of an overlay's upper layer sees
// names: what was created, removed, renamed, linked, or given another mode or owner. Names are absolute paths as the calling process sees them.
package trace

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrIncomplete is the error of a Take whose set is not whole.
var ErrIncomplete = errors.New("the set of files read and written is not whole")

// events are what a group listens to. Folders are left out (no FAN_ONDIR): reading a folder is no reading of what is in it.
const events = unix.FAN_OPEN | unix.FAN_ACCESS | unix.FAN_MODIFY | unix.FAN_CLOSE_WRITE | unix.FAN_OPEN_EXEC

// Set is what processes read and wrote: absolute paths of regular files, sorted, each once. A path may be in both.
type Set struct {
	Read, Written []string
}

// use is how a file was used.
type use uint8

const (
	opened use = 1 << iota
	read
	written
)

// Tracer listens to what processes do with the files of some mounts. Its methods may be called from several goroutines.
type Tracer struct {
	group *os.File
	conn  syscall.RawConn
	self  int32
	done  chan struct{} // closed when the goroutine that empties the queue has ended

	mu   sync.Mutex // also held from the reading of an event to its record, so that Take finds each event in the queue or in used
	used map[string]use
	lost []error // why the set is not whole
}

// Open listens to the file systems of these mount points. It needs CAP_SYS_ADMIN, and what it returns needs no capability.
//
// Where a mark on a file system is refused, only what goes through the mount itself is heard. Events wait in a queue without bounds where that is allowed.
func Open(mounts []string) (*os.File, error) {
	group, err := listen(mounts, unix.FAN_UNLIMITED_QUEUE)
	if errors.Is(err, unix.EPERM) {
		group, err = listen(mounts, 0)
	}
	return group, err
}

// listen makes the group, with flags beside the usual ones.
func listen(mounts []string, flags uint) (*os.File, error) {
	// An event brings a descriptor of its file, opened by these flags: O_NONBLOCK, or that of a fifo would wait for the other end.
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|flags,
		unix.O_RDONLY|unix.O_LARGEFILE|unix.O_CLOEXEC|unix.O_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("trace: fanotify: %w", err)
	}
	group := os.NewFile(uintptr(fd), "fanotify")
	for _, m := range mounts {
		if err := mark(fd, m); err != nil {
			group.Close()
			return nil, fmt.Errorf("trace: %s: %w", m, err)
		}
	}
	return group, nil
}

// New takes over what Open has opened, in this process or in the one that it was before it started anew.
func New(group *os.File) (*Tracer, error) {
	t, err := tracer(group)
	if err == nil {
		go t.drain()
	}
	return t, err
}

// tracer is one of which nobody empties the queue yet.
func tracer(group *os.File) (*Tracer, error) {
	conn, err := group.SyscallConn()
	if err != nil {
		group.Close()
		return nil, fmt.Errorf("trace: %w", err)
	}
	return &Tracer{group: group, conn: conn, self: int32(os.Getpid()), done: make(chan struct{}), used: map[string]use{}}, nil
}

func mark(fd int, mount string) error {
	whole := unix.FanotifyMark(fd, unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, events, unix.AT_FDCWD, mount)
	if whole == nil {
		return nil
	}
	if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD|unix.FAN_MARK_MOUNT, events, unix.AT_FDCWD, mount); err != nil {
		return fmt.Errorf("mark on the file system: %w; on the mount: %w", whole, err)
	}
	return nil
}

// drain empties the queue whenever something comes, until Close: each event in it keeps its file open.
func (t *Tracer) drain() {
	defer close(t.done)
	_ = t.conn.Read(func(fd uintptr) bool { // its only error is that the group was closed
		t.mu.Lock()
		defer t.mu.Unlock()
		t.record(int(fd))
		return false
	})
}

// Take returns what happened since New or the last Take by processes other than this one. It waits for nothing: what is queued when it is called is
// in the set, and so is all that a process did that has ended. With ErrIncomplete the set holds what is known. After Close the error is os.ErrClosed.
//
// An open counts as reading unless the file was also written. A file that was removed has the name it had; one that was renamed may have either name.
func (t *Tracer) Take() (Set, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.conn.Control(func(fd uintptr) { t.record(int(fd)) }); err != nil {
		return Set{}, fmt.Errorf("trace: %w", os.ErrClosed) // its only error, and not this one by itself
	}
	used, lost := t.used, t.lost
	t.used, t.lost = map[string]use{}, nil
	var s Set
	for _, name := range slices.Sorted(maps.Keys(used)) {
		u := used[name]
		if u&read != 0 || u&written == 0 {
			s.Read = append(s.Read, name)
		}
		if u&written != 0 {
			s.Written = append(s.Written, name)
		}
	}
	if len(lost) > 0 {
		return s, fmt.Errorf("trace: %w: %w", ErrIncomplete, errors.Join(lost...))
	}
	return s, nil
}

// Close stops listening and waits for the goroutine that New began.
func (t *Tracer) Close() error {
	err := t.group.Close()
	<-t.done
	return err
}

// record reads the events that are queued now, not those that come meanwhile: others may write without end. t.mu is held.
func (t *Tracer) record(fd int) {
	const size = int(unsafe.Sizeof(unix.FanotifyEventMetadata{}))
	queued, err := unix.IoctlGetUint32(fd, unix.TIOCINQ) // the kernel counts size bytes for each
	if err != nil {
		t.lose(err)
		return
	}
	for range int(queued) / size {
		// One at a time: the error of an event whose file cannot be opened is told only when it is the first of a read.
		var e unix.FanotifyEventMetadata
		n, err := unix.Read(fd, unsafe.Slice((*byte)(unsafe.Pointer(&e)), size))
		switch {
		case err == unix.EAGAIN:
			return
		case err != nil:
			t.lose(err)
		case n != size || e.Vers != unix.FANOTIFY_METADATA_VERSION:
			t.lose(fmt.Errorf("an event of %d bytes, version %d", n, e.Vers))
		default:
			t.event(&e)
		}
	}
}

// lose keeps why an event is not in the set, once for each reason.
func (t *Tracer) lose(err error) {
	if !slices.ContainsFunc(t.lost, func(e error) bool { return e.Error() == err.Error() }) {
		t.lost = append(t.lost, err)
	}
}

func (t *Tracer) event(e *unix.FanotifyEventMetadata) {
	if e.Mask&unix.FAN_Q_OVERFLOW != 0 {
		t.lose(errors.New("the kernel's queue of events overflowed"))
	}
	if e.Fd < 0 {
		return
	}
	defer unix.Close(int(e.Fd))
	if e.Pid == t.self {
		return
	}
	name, err := fileOf(int(e.Fd))
	if err != nil {
		t.lose(err)
		return
	}
	if name == "" || strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/dev/") {
		return
	}
	u := opened
	if e.Mask&(unix.FAN_ACCESS|unix.FAN_OPEN_EXEC) != 0 {
		u |= read
	}
	if e.Mask&(unix.FAN_MODIFY|unix.FAN_CLOSE_WRITE) != 0 {
		u |= written
	}
	t.used[name] |= u
}

// fileOf returns the path of an open regular file, "" for what is none.
func fileOf(fd int) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", nil
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return "", err
	}
	// The kernel's mark of a name that is gone is also a legal end of a name.
	if gone, ok := strings.CutSuffix(name, " (deleted)"); ok {
		var at unix.Stat_t
		if err := unix.Lstat(name, &at); err != nil || at.Ino != st.Ino || at.Dev != st.Dev {
			return gone, nil
		}
	}
	return name, nil
}
