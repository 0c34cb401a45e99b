package container

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// contained runs fn on a thread with mounts, a root and a network of its own, with which they end.
func contained(t *testing.T, fn func() error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: what a container has of its own")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_FS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = fn()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Programs find the devices that do no harm, and no disk.
func TestDevices(t *testing.T) {
	dev := t.TempDir()
	contained(t, func() error {
		if err := Devices(dev); err != nil {
			return err
		}
		zero := make([]byte, 4)
		f, err := os.Open(filepath.Join(dev, "zero"))
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Read(zero); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dev, "full"), []byte("x"), 0); !errors.Is(err, unix.ENOSPC) {
			return fmt.Errorf("full: %v", err)
		}
		if err := os.WriteFile(filepath.Join(dev, "null"), []byte("x"), 0); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dev, "shm", "x"), []byte("x"), 0o600); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dev, "pts", "ptmx")); err != nil {
			return err
		}
		for _, name := range []string{"mem", "kmsg", "fuse", "loop-control"} {
			if _, err := os.Lstat(filepath.Join(dev, name)); err == nil {
				return fmt.Errorf("%s is there", name)
			}
		}
		return nil
	})
}

// What changes the kernel is read-only.
func TestKernel(t *testing.T) {
	proc, sys := t.TempDir(), t.TempDir()
	contained(t, func() error {
		if err := errors.Join(Processes(proc), System(sys)); err != nil {
			return err
		}
		for _, name := range []string{filepath.Join(proc, "sys/kernel/core_pattern"), filepath.Join(proc, "sys/kernel/hostname"), filepath.Join(sys, "kernel/uevent_seqnum")} {
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err == nil {
				f.Close()
			}
			if !errors.Is(err, unix.EROFS) {
				return fmt.Errorf("%s: want it read-only, got %v", name, err)
			}
		}
		own, err := os.ReadFile(filepath.Join(proc, "self/comm"))
		if err != nil || len(own) == 0 {
			return fmt.Errorf("itself: %q, %v", own, err)
		}
		return nil
	})
}

func TestEnter(t *testing.T) {
	root := t.TempDir()
	contained(t, func() error {
		if err := errors.Join(unix.Mount("root", root, "tmpfs", 0, ""), os.Mkdir(filepath.Join(root, "work"), 0o755)); err != nil {
			return err
		}
		if err := Enter(root, "/gone"); err == nil || !strings.HasPrefix(err.Error(), "/gone: ") {
			return fmt.Errorf("a folder that is not there: %v", err)
		}
		return nil
	})
	contained(t, func() error {
		if err := errors.Join(unix.Mount("root", root, "tmpfs", 0, ""), os.Mkdir(filepath.Join(root, "work"), 0o755)); err != nil {
			return err
		}
		if err := Enter(root, "/work"); err != nil {
			return err
		}
		if err := os.WriteFile("here", nil, 0o600); err != nil {
			return err
		}
		entries, err := os.ReadDir("/")
		if err != nil || len(entries) != 1 {
			return fmt.Errorf("the root has %v, %w", entries, err)
		}
		_, err = os.Lstat("/work/here")
		return err
	})
}

func TestLoopback(t *testing.T) {
	contained(t, func() error {
		lo, err := net.InterfaceByName("lo")
		if err != nil || lo.Flags&net.FlagUp != 0 {
			return fmt.Errorf("before: %v, %w", lo, err)
		}
		if err := Loopback(); err != nil {
			return err
		}
		if lo, err = net.InterfaceByName("lo"); err != nil || lo.Flags&net.FlagUp == 0 {
			return fmt.Errorf("after: %v, %w", lo, err)
		}
		return nil
	})
}

// What is executed next can read every file, and can neither mount nor load a module.
func TestDropCapabilities(t *testing.T) {
	contained(t, func() error {
		if err := DropCapabilities(); err != nil {
			return err
		}
		for c, want := range map[uintptr]int{unix.CAP_DAC_OVERRIDE: 1, unix.CAP_SYS_ADMIN: 0, unix.CAP_SYS_MODULE: 0, unix.CAP_NET_ADMIN: 0, unix.CAP_MKNOD: 0} {
			got, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
			if err != nil || got != want {
				return fmt.Errorf("capability %d: want %d, got %d, %w", c, want, got, err)
			}
		}
		return nil
	})
}

// A folder comes with those above it, with modes, files and links; what is none of these is left out.
func TestCopyTree(t *testing.T) {
	base, to := t.TempDir(), t.TempDir()
	errs := []error{
		os.MkdirAll(filepath.Join(base, "above/tree/closed"), 0o755), os.WriteFile(filepath.Join(base, "above/tree/closed/file"), []byte("text"), 0o640),
		os.Chmod(filepath.Join(base, "above/tree"), 0o755), os.Chmod(filepath.Join(base, "above/tree/closed"), 0o750), os.Chmod(filepath.Join(base, "above/tree/closed/file"), 0o640),
		os.Symlink("closed/file", filepath.Join(base, "above/tree/link")),
		unix.Mkfifo(filepath.Join(base, "above/tree/fifo"), 0o600), os.WriteFile(filepath.Join(base, "above/beside"), nil, 0o600),
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(CopyTree(base, "above/tree", to), CopyTree(base, "none", to)); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err := filepath.Walk(to, func(name string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		said := info.Mode().String()
		if link, err := os.Readlink(name); err == nil {
			said = link
		}
		got[strings.TrimPrefix(name, to)] = said
		return nil
	})
	delete(got, "")
	want := map[string]string{
		"/above": "drwxr-xr-x", "/above/tree": "drwxr-xr-x", "/above/tree/closed": "drwxr-x---", "/above/tree/closed/file": "-rw-r-----", "/above/tree/link": "closed/file",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
