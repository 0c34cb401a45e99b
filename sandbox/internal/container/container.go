// Package container gives a thread in new namespaces what it has of its own there: devices, /proc, /sys, the loopback interface, a root; and takes
// from it the capabilities that reach beyond them.
package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Devices mounts those on the folder dev that every program may expect, and no other. It is called before the root is changed: /dev is the node's.
func Devices(dev string) error {
	if err := unix.Mount("dev", dev, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755,size=65536k"); err != nil {
		return err
	}
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9} {
		if err := device(filepath.Join(dev, name), 1, minor); err != nil {
			return err
		}
	}
	errs := []error{
		device(filepath.Join(dev, "tty"), 5, 0),
		os.Mkdir(filepath.Join(dev, "pts"), 0o755), os.Mkdir(filepath.Join(dev, "shm"), 0o755),
		os.Symlink("pts/ptmx", filepath.Join(dev, "ptmx")), os.Symlink("/proc/self/fd", filepath.Join(dev, "fd")),
		os.Symlink("/proc/self/fd/0", filepath.Join(dev, "stdin")), os.Symlink("/proc/self/fd/1", filepath.Join(dev, "stdout")), os.Symlink("/proc/self/fd/2", filepath.Join(dev, "stderr")),
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := CopyTree("/dev", "disk", dev); err != nil { // by which names file systems are known; the disks are not there
		return err
	}
	if err := unix.Mount("devpts", filepath.Join(dev, "pts"), "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"); err != nil {
		return err
	}
	return unix.Mount("shm", filepath.Join(dev, "shm"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
}

func device(name string, major, minor uint32) error {
	if err := unix.Mknod(name, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))); err != nil {
		return err
	}
	return os.Chmod(name, 0o666)
}

// Processes mounts those of this thread's namespace on the folder proc. What in /proc changes the kernel is read-only.
func Processes(proc string) error {
	if err := unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	for _, name := range []string{"sys", "sysrq-trigger", "irq", "bus", "fs"} {
		at := filepath.Join(proc, name)
		if _, err := os.Lstat(at); err != nil {
			continue
		}
		if err := unix.Mount(at, at, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		if err := ReadOnly(at); err != nil {
			return err
		}
	}
	return nil
}

// ReadOnly makes a mount read-only, whatever is mounted there elsewhere.
func ReadOnly(point string) error {
	if err := unix.Mount("", point, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("%s: read-only: %w", point, err)
	}
	return nil
}

// System mounts /sys, read-only, on the folder sys.
func System(sys string) error {
	return unix.Mount("sysfs", sys, "sysfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// Enter makes a folder that is mounted the root of this thread, and lets go of the one that was. The current folder is dir from then on.
func Enter(root, dir string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// Loopback has a new network namespace talk to itself.
func Loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}
