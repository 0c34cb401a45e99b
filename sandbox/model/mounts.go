package model

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

// The exit codes of mount(8) and umount(8).
const (
	exitUsage = 1
	exitMount = 32
)

// complaint is why mount or umount fails.
type complaint struct {
	code int
	text string
}

func complain(format string, args ...any) *complaint {
	return &complaint{exitMount, fmt.Sprintf(format, args...)}
}

// mount is one of the mounts of the model.
type mount struct {
	host.Mount
	From string `json:",omitempty"` // what the model bound there
}

// Mounts implements [host.View].
func (n *Node) Mounts(context.Context) ([]host.Mount, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]host.Mount, len(n.state.Mounts))
	for i, m := range n.state.Mounts {
		all[i] = m.Mount
	}
	return all, nil
}

// Lstat implements [host.FileReader]. A mount point at which the model bound something has the identity of that, for this is how a bind mount is told.
func (n *Node) Lstat(name string) (host.Stat, error) {
	st, err := n.Host.Lstat(name)
	n.mu.Lock()
	from := ""
	if i := n.top(name); i >= 0 {
		from = n.state.Mounts[i].From
	}
	n.mu.Unlock()
	if err != nil || from == "" {
		return st, err
	}
	if is, err := n.Host.Lstat(from); err == nil && is.Kind == st.Kind {
		st.Dev, st.Ino = is.Dev, is.Ino
	}
	return st, nil
}

// change runs a command that changes the mounts. Its error is that of the host or of the model's file.
func (n *Node) change(args []string, do func(mountArgs) (*complaint, error)) (host.Output, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, bad := parseArgs(args)
	var err error
	if bad == nil {
		a.point = n.canonical(a.point)
		bad, err = do(a)
	}
	switch {
	case err != nil:
		return host.Output{ExitCode: exitUsage}, err
	case bad != nil:
		return host.Output{ExitCode: bad.code, Stderr: []byte(bad.text + "\n")}, nil
	}
	n.used["mount "+a.point] = true
	return host.Output{}, n.save()
}

// mountArgs are the arguments of mount(8) and umount(8), as far as they are modelled.
type mountArgs struct {
	fstype  string
	options []string
	source  string // "": what fstab says
	point   string
}

func parseArgs(args []string) (a mountArgs, bad *complaint) {
	var names []string
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case (arg == "-t" || arg == "-o") && i+1 < len(args):
			i++
			if arg == "-t" {
				a.fstype = args[i]
			} else {
				a.options = append(a.options, strings.Split(args[i], ",")...)
			}
		case arg == "--":
			names = append(names, args[i+1:]...)
			i = len(args)
		case arg == "--bind" || arg == "-B":
			a.options = append(a.options, "bind")
		case strings.HasPrefix(arg, "-"):
			return a, &complaint{exitUsage, fmt.Sprintf("mount: %s is not modelled", arg)}
		default:
			names = append(names, arg)
		}
	}
	switch len(names) {
	case 1:
		a.point = names[0]
	case 2:
		a.source, a.point = names[0], names[1]
	default:
		return a, &complaint{exitUsage, "mount: bad usage"}
	}
	return a, nil
}

// canonical is the mount point as the kernel knows it: without links on the way, as far as there is something.
func (n *Node) canonical(name string) string {
	name = path.Clean(name)
	if name == "/" || name == "." {
		return name
	}
	name = path.Join(n.canonical(path.Dir(name)), path.Base(name))
	if to, _, err := host.Resolve(n.Host, name); err == nil {
		return to
	}
	return name
}

// top is the index of the mount on top of those at the point, -1 if there is none.
func (n *Node) top(point string) int {
	for i, m := range slices.Backward(n.state.Mounts) {
		if m.Point == point {
			return i
		}
	}
	return -1
}

func (n *Node) mount(a mountArgs) (*complaint, error) {
	entry, err := n.fstab(a.point)
	if err != nil {
		return nil, err
	}
	if slices.Contains(a.options, "remount") {
		return n.remount(a, entry), nil
	}
	if a.source == "" {
		if entry == nil {
			return &complaint{exitUsage, fmt.Sprintf("mount: %s: can't find in /etc/fstab.", a.point)}, nil
		}
		a.source, a.options = entry.source, append(entry.options, a.options...)
		if a.fstype == "" {
			a.fstype = entry.fstype
		}
	}
	bind := slices.Contains(a.options, "bind") || slices.Contains(a.options, "rbind")
	at, err := n.Host.Lstat(a.point)
	if err != nil {
		return nil, err
	}
	// Devices are not looked for: a sandbox has none.
	from := host.Stat{Kind: host.BlockDevice}
	if path.IsAbs(a.source) && !strings.HasPrefix(a.source, "/dev/") {
		a.source = n.canonical(a.source)
		if from, err = n.Host.Lstat(a.source); err != nil {
			return nil, err
		}
	}
	switch {
	case at.Kind == host.Absent:
		return complain("mount: %s: mount point does not exist.", a.point), nil
	case at.Kind != host.Directory && (!bind || from.Kind == host.Directory):
		return complain("mount: %s: mount point is not a directory.", a.point), nil
	case bind && at.Kind == host.Directory && from.Kind == host.Regular:
		return complain("mount: %s: mount(2) system call failed: Not a directory.", a.point), nil
	case from.Kind == host.Absent && slices.Contains(a.options, "nofail"):
		return nil, nil
	case from.Kind == host.Absent:
		return complain("mount: %s: special device %s does not exist.", a.point, a.source), nil
	}
	if i := n.top(a.point); i >= 0 && !bind && a.fstype != "tmpfs" && n.state.Mounts[i].Source == a.source {
		return complain("mount: %s: %s already mounted on %s.", a.point, a.source, a.point), nil
	}
	n.add(a, bind)
	return nil, nil
}

// add puts the mount on top of those that are at its point.
func (n *Node) add(a mountArgs, bind bool) {
	m := mount{Mount: host.Mount{ID: 1, Point: a.point, Root: "/", FSType: a.fstype, Source: a.source}}
	if m.FSType == "" {
		m.FSType = "auto"
	}
	for _, other := range n.state.Mounts {
		m.ID = max(m.ID, other.ID+1)
	}
	if over := n.covering(a.point); over != nil {
		m.Parent = over.ID
	}
	m.Options, m.SuperOptions = flags([]string{"rw", "relatime"}, []string{"rw"}, a.options)
	if bind {
		m.Root = a.source
		if of := n.covering(a.source); of != nil { // the same file system, seen from another folder
			rest := strings.TrimPrefix(a.source, strings.TrimSuffix(of.Point, "/"))
			m.Root, m.FSType, m.Source = path.Join("/", of.Root, rest), of.FSType, of.Source
			m.Options, _ = flags(of.Options, of.SuperOptions, a.options)
			m.SuperOptions = slices.Clone(of.SuperOptions)
		}
		m.From = a.source
	}
	n.state.Mounts = append(n.state.Mounts, m)
}

// covering is the mount that a name lies on.
func (n *Node) covering(name string) *mount {
	var over *mount
	for i := range n.state.Mounts {
		if m := &n.state.Mounts[i]; within(name, m.Point) && (over == nil || len(m.Point) >= len(over.Point)) {
			over = m
		}
	}
	return over
}

func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, strings.TrimSuffix(folder, "/")+"/")
}

func (n *Node) remount(a mountArgs, entry *fstabEntry) *complaint {
	i := n.top(a.point)
	if i < 0 {
		return complain("mount: %s: mount point not mounted or bad option.", a.point)
	}
	m := &n.state.Mounts[i]
	base := m.Options
	if entry != nil {
		a.options = append(entry.options, a.options...)
		base = slices.DeleteFunc(slices.Clone(base), func(o string) bool { return slices.Contains(ownFlags, o) })
	}
	own, of := flags(base, m.SuperOptions, a.options)
	if slices.Contains(a.options, "bind") {
		of = m.SuperOptions
	}
	m.Options, m.SuperOptions = own, of
	return nil
}

func (n *Node) umount(a mountArgs) (*complaint, error) {
	st, err := n.Host.Lstat(a.point)
	if err != nil {
		return nil, err
	}
	i := n.top(a.point)
	switch {
	case i < 0 && st.Kind == host.Absent:
		return complain("umount: %s: no mount point specified.", a.point), nil
	case i < 0:
		return complain("umount: %s: not mounted.", a.point), nil
	}
	for _, m := range n.state.Mounts[i+1:] {
		if within(m.Point, a.point) {
			return complain("umount: %s: target is busy.", a.point), nil
		}
	}
	n.state.Mounts = slices.Delete(n.state.Mounts, i, i+1)
	return nil, nil
}
