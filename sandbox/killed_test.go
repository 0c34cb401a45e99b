package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// outside is set to a shell script for a program that runs it in a box.
const outside = "APPLY_TEST_OUTSIDE_SANDBOX"

func runOutside(line string) int {
	s, err := NewStage([]Layer{{Point: "/"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	b, err := s.Box()
	if err != nil || os.Unsetenv(outside) != nil {
		return 3
	}
	if b.Run(context.Background(), nil, line, func([]byte) error { return nil }) != nil {
		return 3
	}
	return 0
}

// TestKilledOutside: nothing that runs in a box outlives the program outside.
func TestKilledOutside(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: boxes")
	}
	sleep := fmt.Sprintf("1%09d", os.Getpid())
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), outside+"=sleep "+sleep)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid := await(t, "sleep\x00"+sleep+"\x00")
	if pid == 0 {
		t.Fatal("it does not start")
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(ended, 10_000); n != 1 || err != nil {
		t.Errorf("it lives on: %v", err)
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// TestChroot: where the root is no mount point nothing can be laid over it, which is told as that.
func TestChroot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: a chroot")
	}
	dir := t.TempDir()
	for _, name := range []string{"sys", "proc/net"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"program": program, "proc/net/unix": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("/program")
	c.Dir, c.Env = "/", []string{outside + "=true"}
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
	out, err := c.CombinedOutput()
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this test is not a static program; left out: a chroot")
	}
	if !strings.Contains(string(out), "sandbox: the root of this process is not a mount point, as in a chroot") {
		t.Errorf("got %q, %v", out, err)
	}
}

// await waits for a process, which is found by its arguments: what happens in a box makes no event outside. 0: it has not come.
func await(t *testing.T, args string) int {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if pid := running(t, args); pid != 0 {
				return pid
			}
		case <-late:
			return 0
		}
	}
}

// running finds a process by its arguments; 0: there is none.
func running(t *testing.T, args string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err) // it may be another goroutine that asks
	}
	for _, name := range all {
		if b, err := os.ReadFile(name); err == nil && string(b) == args {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil {
				t.Error(err)
			}
			return pid
		}
	}
	return 0
}
