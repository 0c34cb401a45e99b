// Package mounttable is a table of mounts that changes as mount(8) and umount(8) of util-linux change the kernel's, and that nothing is mounted by.
package mounttable

import (
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

// Table holds mounts in mount order.
type Table []Mount

// Mount is one of them.
type Mount struct {
	host.Mount
	From string `json:",omitempty"` // what Run bound there
}

// Of is the table with these mounts.
func Of(mounts []host.Mount) Table {
	t := make(Table, len(mounts))
	for i, m := range mounts {
		t[i].Mount = m
	}
	return t
}

// Bound is what Run bound at the mount point, "" if it is something else.
func (t Table) Bound(point string) string {
	if i := t.top(point); i >= 0 {
		return t[i].From
	}
	return ""
}

// State is what is mounted where, of stacked mounts in their order: source, type and options.
func (t Table) State() map[string]string {
	all := map[string]string{}
	for _, m := range t {
		options := append(slices.Clone(m.Options), m.SuperOptions...)
		slices.Sort(options)
		is := strings.Join([]string{m.Source, m.FSType, strings.Join(slices.Compact(options), ",")}, " ")
		if m.Root != "/" && m.Root != "" {
			is += " of " + m.Root
		}
		if below, stacked := all[m.Point]; stacked {
			is = below + ", " + is
		}
		all[m.Point] = is
	}
	return all
}

// Run does what mount or umount (the first of args) does, with the exit codes and the words of util-linux 2.38. Folders, and /etc/fstab, are those of v;
// devices are not looked for. The mount point is returned by its name without links.
func (t *Table) Run(v host.FileReader, args []string) (point string, out host.Output, err error) {
	a, bad := parse(args)
	r := run{Table: t, v: v}
	if bad == nil {
		a.point = r.canonical(a.point)
		if path.Base(args[0]) == "mount" {
			bad, err = r.mount(a)
		} else {
			bad, err = r.umount(a)
		}
	}
	if bad != nil {
		out = host.Output{ExitCode: bad.code, Stderr: []byte(bad.text + "\n")}
	}
	return a.point, out, err
}

// run is one change of a table.
type run struct {
	*Table
	v host.FileReader
}

// arguments are those of mount(8) and umount(8), as far as they are modelled.
type arguments struct {
	fstype  string
	options []string
	source  string // "": what fstab says
	point   string
	deep    bool // what is mounted inside goes too; of mount, that others are not told of it, which is not modelled
}

func parse(args []string) (a arguments, bad *complaint) {
	program := path.Base(args[0])
	var names []string
	for i := 1; i < len(args); i++ {
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
		case arg == "--bind" || arg == "-B" || arg == "--rbind":
			a.options = append(a.options, "bind")
		case arg == "-R" || arg == "--make-rslave":
			a.deep = true
		case strings.HasPrefix(arg, "-"):
			return a, &complaint{exitUsage, fmt.Sprintf("%s: %s is not modelled", program, arg)}
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
		return a, &complaint{exitUsage, program + ": bad usage"}
	}
	return a, nil
}

// canonical is the mount point as the kernel knows it: without links on the way, as far as there is something.
func (r run) canonical(name string) string {
	name = path.Clean(name)
	if name == "/" || name == "." {
		return name
	}
	name = path.Join(r.canonical(path.Dir(name)), path.Base(name))
	if to, _, err := host.Resolve(r.v, name); err == nil {
		return to
	}
	return name
}

// top is the index of the mount on top of those at the point, -1 if there is none.
func (t Table) top(point string) int {
	for i, m := range slices.Backward(t) {
		if m.Point == point {
			return i
		}
	}
	return -1
}

func (r run) mount(a arguments) (*complaint, error) {
	if a.deep {
		return nil, nil
	}
	entry, err := r.fstab(a.point)
	if err != nil {
		return nil, err
	}
	if slices.Contains(a.options, "remount") {
		return r.remount(a, entry), nil
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
	at, err := r.v.Lstat(a.point)
	if err != nil {
		return nil, err
	}
	// Devices are not looked for: a sandbox has none.
	from := host.Stat{Kind: host.BlockDevice}
	if path.IsAbs(a.source) && !strings.HasPrefix(a.source, "/dev/") {
		a.source = r.canonical(a.source)
		if from, err = r.v.Lstat(a.source); err != nil {
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
	if i := r.top(a.point); i >= 0 && !bind && a.fstype != "tmpfs" && (*r.Table)[i].Source == a.source {
		return complain("mount: %s: %s already mounted on %s.", a.point, a.source, a.point), nil
	}
	r.add(a, bind)
	return nil, nil
}

// add puts the mount on top of those that are at its point.
func (t *Table) add(a arguments, bind bool) {
	m := Mount{Mount: host.Mount{ID: 1, Point: a.point, Root: "/", FSType: a.fstype, Source: a.source}}
	if m.FSType == "" {
		m.FSType = "auto"
	}
	for _, other := range *t {
		m.ID = max(m.ID, other.ID+1)
	}
	if over := t.covering(a.point); over != nil {
		m.Parent = over.ID
	}
	m.Options, m.SuperOptions = flags([]string{"rw", "relatime"}, []string{"rw"}, a.options)
	if bind {
		m.Root = a.source
		if of := t.covering(a.source); of != nil { // the same file system, seen from another folder
			rest := strings.TrimPrefix(a.source, strings.TrimSuffix(of.Point, "/"))
			m.Root, m.FSType, m.Source = path.Join("/", of.Root, rest), of.FSType, of.Source
			m.Options, _ = flags(of.Options, of.SuperOptions, a.options)
			m.SuperOptions = slices.Clone(of.SuperOptions)
		}
		m.From = a.source
	}
	*t = append(*t, m)
}

// covering is the mount that a name lies on.
func (t Table) covering(name string) *Mount {
	var over *Mount
	for i := range t {
		if m := &t[i]; host.Within(name, m.Point) && (over == nil || len(m.Point) >= len(over.Point)) {
			over = m
		}
	}
	return over
}

func (r run) remount(a arguments, entry *fstabEntry) *complaint {
	i := r.top(a.point)
	if i < 0 {
		return complain("mount: %s: mount point not mounted or bad option.", a.point)
	}
	m := &(*r.Table)[i]
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

func (r run) umount(a arguments) (*complaint, error) {
	st, err := r.v.Lstat(a.point)
	if err != nil {
		return nil, err
	}
	i := r.top(a.point)
	switch {
	case i < 0 && st.Kind == host.Absent:
		return complain("umount: %s: no mount point specified.", a.point), nil
	case i < 0:
		return complain("umount: %s: not mounted.", a.point), nil
	}
	inside := func(m Mount) bool { return host.Within(m.Point, a.point) }
	if a.deep {
		*r.Table = append((*r.Table)[:i], slices.DeleteFunc((*r.Table)[i:], inside)...)
		return nil, nil
	}
	for _, m := range (*r.Table)[i+1:] {
		if inside(m) {
			return complain("umount: %s: target is busy.", a.point), nil
		}
	}
	(*r.Table) = slices.Delete((*r.Table), i, i+1)
	return nil, nil
}
