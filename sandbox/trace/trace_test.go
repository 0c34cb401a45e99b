package trace

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func start(t *testing.T, mounts ...string) *Tracer {
	t.Helper()
	tr, err := Start(mounts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func take(t *testing.T, tr *Tracer) Set {
	t.Helper()
	s, err := tr.Take()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTake(t *testing.T) {
	n := newNode(t, `echo f >f; echo g >g; echo own >own; echo x >'f (deleted)'; mkdir d; echo d >d/in; cp /bin/true prog; mkfifo pipe; ln -s f link`)
	mount(t, "proc", "/proc", "")
	mount(t, "tmpfs", "/dev/shm", "")
	tr := start(t, n.root, "/proc", "/dev/shm")
	for _, tc := range []struct {
		name, script  string
		read, written string // names in the overlay
	}{
		{"nothing", `true`, "", ""},
		{"read", `cat f d/in >/dev/null`, "d/in f", ""},
		{"read through a link", `cat link >/dev/null`, "f", ""},
		{"opened and not read", `: <f`, "f", ""},
		{"run", `./prog`, "prog", ""},
		{"created", `echo 1 >new`, "", "new"},
		{"written, of the lower layer", `echo 1 >>f`, "", "f"},
		{"opened for writing", `: >>g`, "", "g"},
		{"emptied", `: >g`, "", "g"},
		{"read, then written", `cat f >/dev/null; echo 2 >>f`, "f", "f"},
		{"read and written", `cp f d/copy`, "f", "d/copy"},
		{"removed", `echo 1 >tmp; rm tmp`, "", "tmp"},
		{"removed after reading", `cat d/copy >/dev/null; rm d/copy`, "d/copy", ""},
		{"a name like that of a removed file", `cat 'f (deleted)' >/dev/null`, "f_(deleted)", ""},
		{"such a name, removed", `echo 1 >'h (deleted)'; rm 'h (deleted)'`, "", "h_(deleted)"},
		{"read by a child's child", `sh -c 'sh -c "cat f" | cat' >/dev/null`, "f", ""},
		{"listed", `ls -la . d >/dev/null; stat f >/dev/null`, "", ""},
		{"a fifo", `cat pipe >/dev/null & echo 1 >pipe; wait`, "", ""},
		{"proc and dev", `cat /proc/self/status >/dev/null; echo 1 >/dev/shm/x; rm /dev/shm/x`, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := os.ReadFile(n.root + "/own"); err != nil { // this process is not listened to
				t.Fatal(err)
			}
			sh(t, n.root, tc.script)
			names := func(list string) (out []string) {
				for _, name := range strings.Fields(list) {
					out = append(out, n.root+"/"+strings.ReplaceAll(name, "_", " "))
				}
				return out
			}
			if diff := cmp.Diff(Set{names(tc.read), names(tc.written)}, take(t, tr)); diff != "" {
				t.Error("-want +got\n", diff)
			}
		})
	}
	t.Run("mapped and not read", func(t *testing.T) {
		again(t, n.root, "map", "f")
		if diff := cmp.Diff(Set{Read: []string{n.root + "/f"}}, take(t, tr)); diff != "" {
			t.Error("-want +got\n", diff)
		}
	})
}

// mapFile uses a file without read(2).
func mapFile(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, 1, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil || m[0] != 'f' {
		return fmt.Errorf("map: %q, %w", m, err)
	}
	return unix.Munmap(m)
}

// TestTakeIsWhole: at each moment an event is in the queue or in the set, however the goroutine is scheduled. A child answers each line with a file.
func TestTakeIsWhole(t *testing.T) {
	n := newNode(t, "")
	tr := start(t, n.root)
	c := exec.Command("sh", "-c", `while read n; do : >f$n; echo; done`)
	c.Dir = n.root
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(out)
	for i := range 2000 {
		fmt.Fprintln(in, i)
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Set{Written: []string{fmt.Sprintf("%s/f%d", n.root, i)}}, take(t, tr)); diff != "" {
			t.Fatal("-want +got\n", diff)
		}
	}
	in.Close()
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestManyFiles(t *testing.T) {
	n := newNode(t, "")
	tr := start(t, n.root)
	before := descriptors(t)
	const files = 10_000
	sh(t, n.root, fmt.Sprintf(`i=0; while [ $i -lt %d ]; do : >f$i; i=$((i+1)); done`, files))
	// The goroutine empties the queue though nobody takes: the files in it are kept open by the kernel.
	deadline, tick := time.After(time.Minute), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for queued := uint32(1); queued > 0; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d bytes are still queued", queued)
		}
		if err := tr.conn.Control(func(fd uintptr) { queued, _ = unix.IoctlGetUint32(int(fd), unix.TIOCINQ) }); err != nil {
			t.Fatal(err)
		}
	}
	s := take(t, tr)
	if len(s.Written) != files || len(s.Read) != 0 || !slices.IsSorted(s.Written) {
		t.Errorf("%d files read, %d written", len(s.Read), len(s.Written))
	}
	if diff := cmp.Diff(Set{}, take(t, tr)); diff != "" {
		t.Error("taken again: -want +got\n", diff)
	}
	if now := descriptors(t); now != before {
		t.Errorf("%d descriptors before, %d after", before, now)
	}
}

// TestQueue: nobody empties the queue until Take.
func TestQueue(t *testing.T) {
	inside(t)
	limit, err := os.ReadFile("/proc/sys/fs/fanotify/max_queued_events")
	if err != nil {
		t.Skip("before Linux 5.13 the bound cannot be read, so no overflow is provoked: ", err)
	}
	bound, err := strconv.Atoi(strings.TrimSpace(string(limit)))
	if err != nil || bound > 100_000 {
		t.Skipf("queues are bounded at %s events (%v): overflowing one would take too long and is left out", limit, err)
	}
	for _, tc := range []struct {
		name  string
		flags uint
		whole bool
	}{
		{"bounded", 0, false},
		{"unlimited", unix.FAN_UNLIMITED_QUEUE, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNode(t, "")
			tr, err := listen([]string{n.root}, tc.flags)
			if err != nil {
				t.Fatal(err)
			}
			defer tr.group.Close()
			files := bound + 100
			sh(t, n.root, fmt.Sprintf(`i=0; while [ $i -lt %d ]; do : >f$i; i=$((i+1)); done`, files))
			s, err := tr.Take()
			if tc.whole && (err != nil || len(s.Written) != files) {
				t.Errorf("%d of %d files, %v", len(s.Written), files, err)
			}
			if !tc.whole && (!errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "overflow") || len(s.Written) == 0 || len(s.Written) >= files) {
				t.Errorf("%d of %d files, %v", len(s.Written), files, err)
			}
			sh(t, n.root, `: >after`)
			if diff := cmp.Diff(Set{Written: []string{n.root + "/after"}}, take(t, tr)); diff != "" {
				t.Error("the next one: -want +got\n", diff)
			}
		})
	}
}

// TestTakeDoesNotWait: a child that writes without end does not hold Take up, nor does an idle one.
func TestTakeDoesNotWait(t *testing.T) {
	n := newNode(t, "")
	tr := start(t, n.root)
	c := exec.Command("sh", "-c", `echo; i=0; while :; do : >f$((i%1000)); i=$((i+1)); done`)
	c.Dir = n.root
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	taken := make(chan error)
	go func() {
		var err error
		for range 20 {
			_, e := tr.Take()
			err = errors.Join(err, e)
		}
		taken <- err
	}()
	select {
	case err := <-taken:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("still taking")
	}
}

func TestCapabilitiesDropped(t *testing.T) {
	n := newNode(t, `echo f >f; chmod 400 f; echo g >g; chmod 400 g; chown 65534 g`)
	out := again(t, n.root, "dropped", n.root)
	if diff := cmp.Diff(fmt.Sprintf("read [%[1]s/f] written [%[1]s/new]\nread [%[1]s/g]\n", n.root), out); diff != "" {
		t.Error("-want +got\n", diff)
	}
}

// traceDropped starts a Tracer, drops all capabilities and takes what children of two users did.
func traceDropped(args []string) error {
	other := exec.Command("sh", "-ec", "read go; cat g")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	in, err := other.StdinPipe()
	if err != nil {
		return err
	}
	if err := other.Start(); err != nil {
		return err
	}
	tr, err := Start(args)
	if err != nil {
		return err
	}
	if err := dropAll(); err != nil {
		return err
	}
	if _, err := os.ReadFile("g"); err == nil {
		return errors.New("g is not out of reach")
	}
	if out, err := exec.Command("sh", "-ec", "cat f; echo 1 >new").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	s, err := tr.Take()
	if err != nil {
		return err
	}
	fmt.Println("read", s.Read, "written", s.Written)
	fmt.Fprintln(in)
	if err := other.Wait(); err != nil {
		return err
	}
	if s, err = tr.Take(); err != nil {
		return err
	}
	fmt.Println("read", s.Read)
	return tr.Close()
}

func TestStartRefused(t *testing.T) {
	inside(t)
	missing := filepath.Join(t.TempDir(), "missing")
	before := descriptors(t)
	_, err := Start([]string{missing})
	if !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
	if now := descriptors(t); now != before {
		t.Errorf("%d descriptors before, %d after", before, now)
	}
}

func TestClose(t *testing.T) {
	n := newNode(t, "")
	tr, err := Start([]string{n.root})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	if _, err := tr.Take(); !errors.Is(err, os.ErrClosed) {
		t.Error("taken after Close: ", err)
	}
	if err := tr.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error("closed again: ", err)
	}
}
