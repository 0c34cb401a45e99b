package trace

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// role is the environment variable by which this program, started again, knows what it is.
const role = "TRACE_TEST_ROLE"

// TestMain runs the tests of root in a mount namespace of their own, with a /proc and a /dev/shm of their own.
func TestMain(m *testing.M) {
	if run, ok := roles[os.Getenv(role)]; ok {
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Geteuid() != 0 || os.Getenv(role) == "inside" {
		os.Exit(m.Run())
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Args[0] = os.Args[0]
	c.Env = append(os.Environ(), role+"=inside")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "no mount namespace, so the tests that need one are left out:", err)
		os.Exit(m.Run())
	}
	if err := c.Wait(); err != nil {
		os.Exit(1)
	}
}

// roles are what this program does as a child of a test.
var roles = map[string]func(args []string) error{
	"map":      mapFile,
	"dropped":  traceDropped,
	"snapshot": snapshotDropped,
}

// inside skips a test that needs the namespace that TestMain makes.
func inside(t *testing.T) {
	t.Helper()
	if os.Getenv(role) != "inside" {
		t.Skip("needs root and a mount namespace: what fanotify and an overlay say of real children is left out")
	}
}

// node is an overlay on a tmpfs.
type node struct {
	root, upper, lower string
}

// newNode makes an overlay, as a sandbox has it, over what the script makes in its working folder.
func newNode(t *testing.T, script string) node {
	t.Helper()
	inside(t)
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "")
	n := node{dir + "/root", dir + "/upper", dir + "/lower"}
	for _, d := range []string{n.root, n.upper, n.lower, dir + "/work"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sh(t, n.lower, script)
	at := strings.ReplaceAll(dir, ",", `\,`)
	mount(t, "overlay", n.root, fmt.Sprintf("redirect_dir=on,index=off,metacopy=off,lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", at))
	return n
}

func mount(t *testing.T, kind, at, options string) {
	t.Helper()
	if err := unix.Mount(kind, at, kind, 0, options); err != nil {
		t.Fatalf("mount %s at %s: %v", kind, at, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", at, err)
		}
	})
}

// sh runs a script in a folder, to its end.
func sh(t *testing.T, dir, script string) {
	t.Helper()
	child(t, dir, nil, "sh", "-ec", script)
}

// again runs this program in a role and returns what it printed.
func again(t *testing.T, dir, as string, args ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return child(t, dir, []string{role + "=" + as}, exe, args...)
}

func child(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	var out, mistakes strings.Builder
	c.Stdout, c.Stderr = &out, &mistakes
	if err := c.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", filepath.Base(name), args, err, out.String(), mistakes.String())
	}
	return out.String()
}

// canDrop skips a test that has a child give up its capabilities, if this program cannot make a system call in all its threads.
func canDrop(t *testing.T) {
	t.Helper()
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); errno == unix.ENOTSUP {
		t.Skip("needs a program without cgo, which the race detector puts in: what is seen without capabilities is left out")
	}
}

// dropAll gives up all capabilities, in all threads.
func dropAll() error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		_, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0)
		if errno != 0 {
			return errno
		}
	}
	header, none := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &[2]unix.CapUserData{}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(none)), 0)
	runtime.KeepAlive(header)
	runtime.KeepAlive(none)
	if errno != 0 {
		return errno
	}
	status, err := os.ReadFile("/proc/self/status")
	if err == nil && !strings.Contains(string(status), "CapEff:\t0000000000000000") {
		err = fmt.Errorf("capabilities are left:\n%s", status)
	}
	return err
}
