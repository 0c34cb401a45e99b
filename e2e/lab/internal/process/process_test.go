package process

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// started starts a command that ends with its input, and returns its id and what it says at first.
func started(t *testing.T, argv ...string) (pid int, said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	line := make([]byte, 16)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, strings.TrimSpace(string(line[:n]))
}

// A process and its children, down as far as is asked; with its start time it is named for good.
func TestDescendant(t *testing.T) {
	parent, said := started(t, "sh", "-c", `sh -c 'echo $$; read x'; true`)
	pid, err := Descendant(parent, 1)
	if err != nil || said != strconv.Itoa(pid) {
		t.Errorf("want %s, got %d, %v", said, pid, err)
	}
	if _, err := Descendant(pid, 1); err == nil {
		t.Error("a process without children has a child")
	}
	mine, err := StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if its, err := StartTime(pid); err != nil || its < mine {
		t.Errorf("it started at %d (%v), before its parent at %d", its, err, mine)
	}
}

// What runs in the namespaces of another process sees its names, and this process keeps its own.
func TestEnter(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("namespaces are not tested: only root can make them")
	}
	other, _ := started(t, "unshare", "--uts", "sh", "-c", "hostname inside; echo ready; read x")
	name := ""
	err := Enter(other, unix.CLONE_NEWUTS, func() (err error) {
		name, err = os.Hostname()
		return err
	})
	if own, _ := os.Hostname(); err != nil || name != "inside" || own == name {
		t.Errorf("%q inside, %q outside, %v", name, own, err)
	}
}
