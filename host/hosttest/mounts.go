package hosttest

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

// Mount gives the node a table of live mounts in place of the kernel's, which mount(8) and umount(8) change from then on, as they
// change the kernel's: with a device and a folder or, with the folder alone, by the node's /etc/fstab. An Option that the mount
// command is given is seen in the table, apart from those that only fstab knows.
func (h *Host) Mount(mounts ...host.Mount) {
	h.mu.Lock()
	first := h.mounts == nil
	h.mounts = append(append([]host.Mount{}, h.mounts...), mounts...)
	h.mu.Unlock()
	if !first {
		return
	}
	h.Handle("mount", h.mount)
	h.Handle("umount", h.umount)
}

// Mounts implements [host.View].
func (h *Host) Mounts(ctx context.Context) ([]host.Mount, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mounts == nil {
		return h.Node.Mounts(ctx)
	}
	return slices.Clone(h.mounts), nil
}

// exitMount is the exit code with which mount and umount say that the mount itself went wrong.
const exitMount = 32

func complain(format string, args ...any) (host.Output, error) {
	return host.Output{Stderr: fmt.Appendf(nil, format+"\n", args...), ExitCode: exitMount}, nil
}

func (h *Host) mount(_ context.Context, c host.Cmd) (host.Output, error) {
	m, args := host.Mount{Root: "/", FSType: "auto"}, []string{}
	var options []string
	for i := 1; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case (arg == "-t" || arg == "-o") && i+1 < len(c.Args):
			i++
			if arg == "-t" {
				m.FSType = c.Args[i]
			} else {
				options = append(options, strings.Split(c.Args[i], ",")...)
			}
		case arg == "--":
		case strings.HasPrefix(arg, "-"):
			return complain("mount: the fake does not know %s", arg)
		default:
			args = append(args, arg)
		}
	}
	if len(args) == 0 || len(args) > 2 {
		return complain("mount: want a device and a folder")
	}
	m.Point = path.Clean(args[len(args)-1])
	if slices.Contains(options, "remount") {
		return h.remount(m.Point, options)
	}
	if len(args) == 2 {
		m.Source = args[0]
	} else {
		fields := h.fstab(m.Point)
		if fields == nil {
			return complain("mount: %s: can't find in /etc/fstab.", m.Point)
		}
		m.Source, m.FSType, options = fields[0], fields[2], append(strings.Split(fields[3], ","), options...)
	}
	if st, err := h.Lstat(m.Point); err != nil || st.Kind != host.Directory {
		return complain("mount: %s: mount point does not exist.", m.Point)
	}
	m.Options = live([]string{"rw", "relatime"}, options)
	m.SuperOptions = live([]string{"rw"}, options)[:1]
	h.mu.Lock()
	defer h.mu.Unlock()
	m.ID = 100 + len(h.mounts)
	h.mounts = append(h.mounts, m)
	return host.Output{}, nil
}

func (h *Host) remount(point string, options []string) (host.Output, error) {
	if fields := h.fstab(point); fields != nil {
		options = append(strings.Split(fields[3], ","), options...)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range slices.Backward(h.mounts) {
		if h.mounts[i].Point == point {
			h.mounts[i].Options = live([]string{"rw", "relatime"}, options)
			return host.Output{}, nil
		}
	}
	return complain("mount: %s: mount point not mounted or bad option.", point)
}

func (h *Host) umount(_ context.Context, c host.Cmd) (host.Output, error) {
	point := path.Clean(c.Args[len(c.Args)-1])
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range slices.Backward(h.mounts) { // of stacked mounts the last
		switch {
		case strings.HasPrefix(h.mounts[i].Point, strings.TrimSuffix(point, "/")+"/"):
			return complain("umount: %s: target is busy.", point)
		case h.mounts[i].Point == point:
			h.mounts = slices.Delete(slices.Clone(h.mounts), i, i+1)
			return host.Output{}, nil
		}
	}
	return complain("umount: %s: not mounted.", point)
}

// fstab returns the fields of the line for the mount point.
func (h *Host) fstab(point string) []string {
	if st, err := h.Lstat("/etc/fstab"); err != nil || st.Kind != host.Regular {
		return nil
	}
	for line := range strings.Lines(h.Content("/etc/fstab")) {
		f := strings.Fields(line)
		if len(f) >= 4 && !strings.HasPrefix(f[0], "#") && path.Clean(f[1]) == point {
			return f
		}
	}
	return nil
}

// live returns the options of a mount that was asked for with these.
func live(base, asked []string) []string {
	all := slices.Clone(base)
	for _, o := range asked {
		switch {
		case o == "ro" || o == "rw":
			all[0] = o
		case slices.Contains([]string{"", "defaults", "remount", "auto", "noauto", "nofail", "_netdev", "user", "users", "owner", "exec", "suid", "dev", "async"}, o),
			strings.HasPrefix(o, "x-"), slices.Contains(all, o):
		default:
			all = append(all, o)
		}
	}
	return all
}
