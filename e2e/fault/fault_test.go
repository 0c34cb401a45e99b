//go:build linux && amd64

package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

// whole says that everything is tried, not a sample.
var whole = os.Getenv("APPLY_FAULT") == "whole"

// limit is when a run that has to end by itself counts as hanging. A disk that others keep busy can hold up a sync for a minute.
const limit = 3 * time.Minute

// inside is set in the namespaces of the tests, and group to their control group.
const (
	inside = "APPLY_FAULT_INSIDE"
	group  = "APPLY_FAULT_GROUP"
)

// TestMain runs the tests in a mount and process namespace of their own: what they mount, break and leave behind ends with them, and
// /etc is a copy.
func TestMain(m *testing.M) {
	ptrace.Main()
	if os.Geteuid() != 0 {
		fmt.Println("skipped: faults need root, for namespaces, mounts and other users")
		os.Exit(0)
	}
	if os.Getenv(inside) == "" {
		os.Exit(enter())
	}
	work, err := prepare()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fault:", errors.Join(err, os.RemoveAll(work)))
		os.Exit(1)
	}
	code := m.Run()
	if err := errors.Join(report(code), os.RemoveAll(work)); err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
		code = 1
	}
	os.Exit(code)
}

// enter runs this program again in new namespaces and in a control group of its own.
func enter() (code int) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	own, err := newGroup()
	if err == nil && own != "" {
		defer func() {
			if err := removeGroup(own); err != nil {
				fmt.Fprintln(os.Stderr, "fault:", err)
				code = 1
			}
		}()
		var dir *os.File
		if dir, err = os.Open(own); err == nil {
			defer dir.Close()
			cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fault: a control group:", err)
		return 1
	}
	cmd.Env = append(os.Environ(), inside+"=1", group+"="+own)
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(os.Stderr, "fault: new namespaces:", err)
		return 1
	}
	return 0
}

// programs are what is tested, built once.
var programs struct{ apply, control string }

// prepare builds the programs in a folder, which is there after an error too, and makes the namespace a place where nothing outside can be hurt.
func prepare() (work string, err error) {
	if work, err = os.MkdirTemp("", "apply-fault-"); err != nil {
		return "", err
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return work, err
	}
	build := exec.Command("go", "build", "-o", work+"/", "github.com/nodeapply/apply/cmd/apply", "github.com/nodeapply/apply/e2e/fault/control")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return work, fmt.Errorf("build: %w\n%s", err, out)
	}
	programs.apply, programs.control = filepath.Join(work, "apply"), filepath.Join(work, "control")
	etc := filepath.Join(work, "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		return work, err
	}
	for name, content := range map[string]string{
		"passwd": "root:x:0:0::/root:/bin/sh\nmallory:x:4242:4242::/:/bin/sh\n", "group": "root:x:0:\nmallory:x:4242:\n",
		"nsswitch.conf": "passwd: files\ngroup: files\n", "fstab": oldFstab, "hosts": "127.0.0.1 localhost\n",
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(content), 0o644); err != nil {
			return work, err
		}
	}
	return work, errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", 0, ""),
		unix.Mount(etc, "/etc", "", unix.MS_BIND, ""),
	)
}

// newGroup makes the control group of the tests below that of this process, below which apply makes its own; "" where there can be none. Groups of
// those that were killed go.
func newGroup() (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			above := filepath.Join(mount, name)
			if unix.Access(filepath.Join(above, "cgroup.procs"), unix.W_OK) != nil {
				continue
			}
			left, err := filepath.Glob(filepath.Join(above, "apply-fault-*"))
			if err != nil {
				return "", err
			}
			for _, dir := range left {
				if _, err := os.Stat("/proc/" + strings.TrimPrefix(filepath.Base(dir), "apply-fault-")); err != nil {
					_ = removeGroup(dir)
				}
			}
			dir := filepath.Join(above, fmt.Sprintf("apply-fault-%d", os.Getpid()))
			if os.Mkdir(dir, 0o755) == nil {
				return dir, nil
			}
		}
	}
	return "", nil
}

// removeGroup removes a control group and those below it, in which nobody is any more.
func removeGroup(dir string) error {
	below, err := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, procs := range below {
		if err := removeGroup(filepath.Dir(procs)); err != nil {
			return err
		}
	}
	return os.Remove(dir)
}

// cgroup is the control group of the tests, "" where there is none.
var cgroup = os.Getenv(group)

// onTmpfs returns a folder on a file system in memory, where fsync costs nothing.
func onTmpfs(t *testing.T) string {
	t.Helper()
	return mounted(t, "tmpfs", "tmpfs", "mode=755")
}

// mounted mounts a file system at a new folder until the test ends.
func mounted(t *testing.T, source, fstype, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // other users come here too
		t.Fatal(err)
	}
	mountAt(t, dir, source, fstype, options)
	return dir
}

func mountAt(t *testing.T, dir, source, fstype, options string) {
	t.Helper()
	if err := unix.Mount(source, dir, fstype, 0, options); err != nil {
		t.Fatalf("mount %s %s: %v", fstype, options, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// ending is how a program ended.
type ending struct {
	code           int
	stdout, stderr string
	peak           int64 // resident memory, bytes
}

func (e ending) output() string { return e.stdout + e.stderr }

// runProgram runs a program to its end, which must come within limit.
func runProgram(t *testing.T, limit time.Duration, args ...string) ending {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	e := ending{stdout: stdout.String(), stderr: stderr.String()}
	if cmd.ProcessState == nil {
		t.Fatalf("%q: %v", args, err)
	}
	e.code = cmd.ProcessState.ExitCode()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		e.peak = usage.Maxrss << 10
	}
	if ctx.Err() != nil {
		t.Fatalf("%q did not end within %v\n%s", args, limit, e.output())
	}
	return e
}

// command runs a program that the test needs.
func command(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

func writeFile(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(name, []byte(content), 0o600), os.Chmod(name, mode)); err != nil {
		t.Fatal(err)
	}
}
