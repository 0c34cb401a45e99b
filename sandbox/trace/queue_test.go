package trace

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

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
			group, err := listen([]string{n.root}, tc.flags)
			if err != nil {
				t.Fatal(err)
			}
			tr, err := tracer(group)
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
	c := exec.Command("sh", "-c", `dd if=/dev/zero of=a bs=1 2>/dev/null & echo; exec dd if=/dev/zero of=b bs=1 2>/dev/null`)
	c.Dir = n.root
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Kill(-c.Process.Pid, unix.SIGKILL); err != nil {
			t.Error(err)
		}
		_ = c.Wait() // it was killed
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
