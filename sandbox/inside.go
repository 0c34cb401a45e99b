package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Cell is the box that this program is in.
type Cell struct {
	script
	out *os.File
}

// Inside returns the box that this program was started to be in, nil if it was not: its root is then that of the box. To get there the program starts anew, so this
// is called before anything is done that cannot be done twice.
func Inside() (*Cell, error) {
	where := os.Getenv(marker)
	if where == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(strings.TrimPrefix(where, there))
	c := &Cell{}
	if err == nil {
		err = c.read(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("%s=%s: it is set, and this program was not started by itself: %w", marker, where, err)
	}
	if strings.HasPrefix(where, there) {
		c.out = os.NewFile(tellFD, "told")
		// What it starts must not reach its descriptors by /proc: the upper layers are among them.
		return c, errors.Join(unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0), os.Unsetenv(marker))
	}
	runtime.LockOSThread() // the thread that gives up is the one that starts anew
	if err := c.enter(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return nil, c.again()
}

func (c *Cell) read(fd int) error {
	in := os.NewFile(uintptr(fd), "script")
	if in == nil {
		return os.ErrInvalid
	}
	text, err := io.ReadAll(in)
	if err = errors.Join(err, in.Close()); err != nil {
		return err
	}
	return json.Unmarshal(text, &c.script)
}

// again starts this program anew, with the script to be read once more and what can only be opened before.
func (c *Cell) again() error {
	text, err := json.Marshal(c.script)
	if err != nil {
		return err
	}
	script, err := unix.MemfdCreate("script", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	if _, err := unix.Pwrite(script, text, 0); err != nil {
		return err
	}
	for _, fd := range append([]int{script, tellFD, c.Group}, c.Uppers...) {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return err
		}
	}
	if err := os.Setenv(marker, there+strconv.Itoa(script)); err != nil {
		return err
	}
	// It is of a thread, and this one was not the first.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	return unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

// Payload decodes what the program outside has handed over.
func (c *Cell) Payload(into any) error { return json.Unmarshal(c.script.Payload, into) }

// Tell tells the program outside a value.
func (c *Cell) Tell(value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = c.out.Write(append(line, '\n'))
	return err
}

// enter makes the box this program's root, and gives up what reaches beyond it.
func (c *Cell) enter() error {
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"make the mounts private", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"overlay the node", c.overlay},
		{"cover sockets", c.cover},
		{"upper layers", c.keepUppers},
		{"/run", func() error { return unix.Mount(c.in("..", "run"), c.in("run"), "", unix.MS_BIND, "") }},
		{"/dev", c.devices},
		{"/sys", func() error {
			return unix.Mount("sysfs", c.in("sys"), "sysfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		}},
		{"/proc", c.processes},
		{"change the root", c.pivot},
		{"loopback", loopback},
		{"trace", c.listen},
		{"capabilities", dropCapabilities},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// in is a name in the box's root, as it is outside.
func (c *Cell) in(names ...string) string {
	return filepath.Join(append([]string{c.Box, "root"}, names...)...)
}

func (c *Cell) overlay() error {
	for i, l := range c.Layers {
		if l.File {
			if err := c.asItIs(l); err != nil {
				return err
			}
			continue
		}
		b := Box{dir: c.Box}
		data := "lowerdir=" + escape(l.Point) + ",upperdir=" + b.upper(i) + ",workdir=" + b.work(i) + ",redirect_dir=on,index=off,metacopy=off,xino=auto"
		flags := uintptr(unix.MS_NODEV)
		if l.ReadOnly {
			flags |= unix.MS_RDONLY
		}
		err := unix.Mount("overlay", c.in(l.Point), "overlay", flags, data)
		if err != nil && l.Point != "/" { // nothing can be laid over FAT, nor over the third overlay
			err = c.asItIs(l)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.Point, err)
		}
	}
	return nil
}

// asItIs has what is mounted on the node, read-only.
func (c *Cell) asItIs(l Layer) error {
	if err := unix.Mount(l.Point, c.in(l.Point), "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("%s: %w", l.Point, err)
	}
	return readOnly(c.in(l.Point))
}

// escape writes a name as an option of an overlay.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`).Replace(name)
}

// cover puts an empty file over each socket that a process of the node listens on: an overlay would lead to that process.
func (c *Cell) cover() error {
	empty := c.in("..", "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		return err
	}
	for _, name := range c.Masked {
		if _, err := os.Lstat(c.in(name)); err != nil {
			continue // it is gone, or where a box has nothing of the node
		}
		if err := unix.Mount(empty, c.in(name), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// devices are those that every program may expect, and no other.
func (c *Cell) devices() error {
	dev := c.in("dev")
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
	if err := copyTree("/dev", "disk", dev); err != nil { // by which names file systems are known; the disks are not there
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

// processes mounts those of the box. What in /proc changes the kernel is read-only.
func (c *Cell) processes() error {
	proc := c.in("proc")
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
		if err := readOnly(at); err != nil {
			return err
		}
	}
	return nil
}

func readOnly(point string) error {
	if err := unix.Mount("", point, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("%s: read-only: %w", point, err)
	}
	return nil
}

func (c *Cell) pivot() error {
	if err := unix.Chdir(c.in()); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	if err := unix.Chdir(c.Dir); err != nil {
		return fmt.Errorf("%s: %w", c.Dir, err)
	}
	return nil
}

func loopback() error {
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

// sockets lists the named sockets of /proc/net/unix, see proc_net(5).
func sockets(table string) ([]string, error) {
	b, err := os.ReadFile(table)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 8 && strings.HasPrefix(f[7], "/") {
			names = append(names, strings.Join(f[7:], " "))
		}
	}
	return names, nil
}
