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

	"github.com/nodeapply/apply/sandbox/internal/container"
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
		{"/run", func() error { return unix.Mount(c.box().run(), c.in("run"), "", unix.MS_BIND, "") }},
		{"/dev", func() error { return container.Devices(c.in("dev")) }},
		{"/sys", func() error { return container.System(c.in("sys")) }},
		{"/proc", func() error { return container.Processes(c.in("proc")) }},
		{"change the root", func() error { return container.Enter(c.box().root(), c.Dir) }},
		{"loopback", container.Loopback},
		{"trace", c.listen},
		{"capabilities", container.DropCapabilities},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// in is a name in the box's root, as it is outside.
func (c *Cell) in(name string) string { return filepath.Join(c.box().root(), name) }

func (c *Cell) box() *Box { return &Box{dir: c.Box} }

func (c *Cell) overlay() error {
	for i, l := range c.Layers {
		if l.Gone {
			continue
		}
		if l.File {
			if err := c.asItIs(l); err != nil {
				return err
			}
			continue
		}
		data := "lowerdir=" + escape(l.Point) + ",upperdir=" + c.box().upper(i) + ",workdir=" + c.box().work(i) + ",redirect_dir=on,index=off,metacopy=off,xino=auto"
		flags := uintptr(unix.MS_NODEV)
		if l.ReadOnly {
			flags |= unix.MS_RDONLY
		}
		err := unix.Mount("overlay", c.in(l.Point), "overlay", flags, data)
		if err != nil && l.Point != "/" { // nothing can be laid over FAT, nor over the third overlay
			err = c.asItIs(l)
		}
		if errors.Is(err, unix.ENOENT) {
			c.Layers[i].Gone = true
			continue
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
	return container.ReadOnly(c.in(l.Point))
}

// escape writes a name as an option of an overlay.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`).Replace(name)
}

// cover puts an empty file over each socket that a process of the node listens on: an overlay would lead to that process.
func (c *Cell) cover() error {
	empty := filepath.Join(c.Box, "empty")
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

// sockets lists the named sockets of /proc/net/unix, see proc_net(5).
func sockets() ([]string, error) {
	b, err := os.ReadFile("/proc/net/unix")
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
