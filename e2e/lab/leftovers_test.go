package lab_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

const ownerEnv = "LAB_TEST_OWNER"

// TestOwner is no test: it is the process that TestKilled kills. It says where its lab can be seen and waits.
func TestOwner(t *testing.T) {
	if os.Getenv(ownerEnv) == "" {
		t.Skip("runs as a part of TestKilled only")
	}
	l := lab.New(t)
	n := boot(t, l, lab.Spec{Name: "doomed", Disks: []int64{64 << 20}})[0]
	must(t, n, "mkfs.ext4 -q /dev/xvdj && mount /dev/xvdj /mnt && echo x > /mnt/f")
	check(t, n.Put(t.Context(), "/etc/systemd/system/forker.service", []byte("[Service]\nType=forking\nExecStart=sh -c 'sleep 1234567001 &'\n"), 0o644))
	must(t, n, "systemctl start forker")
	dir, err := l.TempDir()
	check(t, err)
	fmt.Printf("\nready %s\n", filepath.Dir(dir))
	p, err := n.Start(t.Context(), "sleep", "1234567002")
	check(t, err)
	p.Wait()
}

// TestKilled kills a process that has a lab and looks for what is left of it.
func TestKilled(t *testing.T) {
	lab.Require(t)
	for _, tt := range []struct {
		name       string
		withKeeper bool // the processes that clean up are killed as well
	}{
		{"the owner", false},
		{"the owner and all keepers", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			owner := exec.Command(os.Args[0], "-test.run=^TestOwner$", "-test.v")
			owner.Env = append(os.Environ(), ownerEnv+"=yes")
			out, err := owner.StdoutPipe()
			check(t, err)
			check(t, owner.Start())
			dir := ""
			for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
				if rest, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
					dir = rest
				}
			}
			if dir == "" {
				t.Fatal("the owner made no lab")
			}
			id := filepath.Base(dir)
			if n := len(processes(t, id)); n == 0 {
				t.Fatal("no keeper process: the test looks for the wrong thing")
			}
			if len(doomedLoops(t)) == 0 {
				t.Fatal("no loop device: the test looks for the wrong thing")
			}

			check(t, owner.Process.Kill())
			if tt.withKeeper {
				for _, pid := range processes(t, id) {
					syscall.Kill(pid, syscall.SIGKILL) // some end before their turn comes
				}
			}
			owner.Wait()
			if tt.withKeeper {
				awaitNone(t, "processes", func() []string { return names(processes(t, id)) })
				check(t, lab.New(t).Close()) // cleans up for those who could not
			}
			awaitNone(t, "processes", func() []string {
				return append(names(processes(t, id)), names(processes(t, "sleep\x001234567"))...)
			})
			awaitNone(t, "cgroups", func() []string { return glob(t, "/sys/fs/cgroup/"+id, "/sys/fs/cgroup/*/"+id) })
			awaitNone(t, "files", func() []string { return glob(t, dir, filepath.Join(image.Cache(), "run", id)) })
			awaitNone(t, "loop devices", func() []string { return doomedLoops(t) })
			mounts, err := os.ReadFile("/proc/self/mountinfo")
			check(t, err)
			if strings.Contains(string(mounts), id) || strings.Contains(string(mounts), "/run/lab") {
				t.Errorf("mounts left:\n%s", mounts)
			}
		})
	}
}

// awaitNone waits until list returns nothing, for the kernel takes a moment to end a namespace.
func awaitNone(t *testing.T, what string, list func() []string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		left := list()
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s left: %v", what, left)
		}
	}
}

// processes returns the processes that have text in their command line, zombies left out.
func processes(t *testing.T, text string) []int {
	t.Helper()
	var pids []int
	for _, name := range glob(t, "/proc/[0-9]*/cmdline") {
		line, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(line), text) {
			continue // ended meanwhile, or another
		}
		var pid int
		if _, err := fmt.Sscanf(name, "/proc/%d/", &pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// doomedLoops returns the backing files of the loop devices that the doomed node has: other tests have devices, too.
func doomedLoops(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, name := range glob(t, "/sys/block/loop*/loop/backing_file") {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "/doomed/disk") {
			files = append(files, strings.TrimSpace(string(text)))
		}
	}
	return files
}

func glob(t *testing.T, patterns ...string) []string {
	t.Helper()
	var all []string
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		check(t, err)
		all = append(all, names...)
	}
	return all
}

func names(pids []int) []string {
	var all []string
	for _, pid := range pids {
		all = append(all, fmt.Sprint(pid))
	}
	return all
}
