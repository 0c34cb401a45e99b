// Package mount is the resource type of mounts: the entry in /etc/fstab, and the live mount that the kernel has.
//
// Both are compared, each with what is declared. The live mount is read from /proc/self/mountinfo after every change, because mount(8) may succeed without
// doing what it was asked.
package mount

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/flags"
	"github.com/nodeapply/apply/resources/mount/fstab"
	"github.com/nodeapply/apply/resources/mount/internal/live"
)

var (
	_ resources.Resource   = (*Mount)(nil)
	_ resources.Validator  = (*Mount)(nil)
	_ resources.Identified = (*Mount)(nil)
	_ resources.Toucher    = (*Mount)(nil)
	_ resources.Absentee   = (*Mount)(nil)
	_ resources.Locker     = (*Mount)(nil)
	_ resources.Restorer   = (*Mount)(nil)
	_ resources.Valued     = (*Mount)(nil)
	_ resources.Coverer    = (*Mount)(nil)
)

// Type is mount.
func Type() resources.Type {
	return resources.Type{
		Name:    "mount",
		New:     func(title string) resources.Resource { return &Mount{Path: title, Remounts: true} },
		Timeout: 3 * time.Minute,
		Found:   []string{"device"},
	}
}

// Mount is a mount point of the node: its entry in /etc/fstab and what is mounted there.
//
// A `file` of the mount point is its folder before the mount; what is mounted then gets the owner, group and mode that it declares in the same run.
//
// A swap area is not mounted: its entry in /etc/fstab is a `line`.
//
// A mount that fails leaves /etc/fstab as it was, so that the node still boots.
//
// When it is notified, it is remounted (see remounts) if it is mounted and was neither mounted nor remounted in the same run; what is not mounted is not
// mounted by that. A remount that is refused, or leaves out an option, is followed by an unmount and a mount.
type Mount struct {
	// The mount point, an absolute path. It must be there. Default: the title.
	Path string `hcl:"path,title,public"`
	// What is mounted: a path, `UUID=`, `LABEL=`, `PARTUUID=`, `PARTLABEL=`, or a remote such as `server:/export`. Not set: what /etc/fstab has.
	Device string `hcl:"device,public"`
	// The type of the file system. Not set: what /etc/fstab has, else `auto`.
	FSType string `hcl:"fstype"`
	// Mount options, as one string or a list. Not set: what /etc/fstab has, else `defaults`.
	Options Options `hcl:"options,public"`
	// `mounted` (an entry, and mounted), `unmounted` (an entry, and not mounted), `present` (an entry), or `absent` (no entry, and not mounted).
	// Not set: an entry; whether it is mounted is left as it is. With the option `rbind` what is mounted inside is unmounted too.
	Ensure string `hcl:"ensure"`
	// The fifth field of the entry: whether dump(8) saves the file system. Not set: what /etc/fstab has, else 0.
	Dump *int `hcl:"dump"`
	// The sixth field of the entry: when fsck(8) checks the file system at boot. Not set: what /etc/fstab has, else 0.
	Pass *int `hcl:"pass"`
	// Whether it can be remounted, when an option changes or it is notified; false: it is unmounted and mounted. Default: true.
	Remounts bool `hcl:"remounts"`
}

// Options are mount options, one string with commas.
type Options string

// UnmarshalAttr accepts a string or a list of strings.
func (o *Options) UnmarshalAttr(v any) error {
	var s resources.Strings
	if err := s.UnmarshalAttr(v); err != nil {
		return err
	}
	*o = Options(strings.Join(s, ","))
	return nil
}

// The values of ensure.
const (
	mounted   = "mounted"
	unmounted = "unmounted"
	present   = "present"
	absent    = "absent"
)

const table = "/etc/fstab"

// Validate checks words, paths and what fstab can hold.
func (m *Mount) Validate() error {
	var bad resources.Mistakes
	if m.Ensure != "" {
		bad.OneOf("ensure", m.Ensure, mounted, unmounted, present, absent)
	}
	switch proper := path.IsAbs(m.Path) && (path.Clean(m.Path) == m.Path || path.Clean(m.Path)+"/" == m.Path); {
	case !proper && m.FSType == "swap":
		bad.Addf("path", "%q is no mount point; the entry of a swap area in %s is a `line`", m.Path, table)
	case !proper:
		bad.Addf("path", "%q is no absolute path in its shortest form", m.Path)
	}
	if m.Path == "/" && (m.Ensure == absent || m.Ensure == unmounted) {
		bad.Addf("ensure", "the root of the node is never unmounted")
	}
	for _, f := range []struct{ attr, value string }{{"device", m.Device}, {"fstype", m.FSType}, {"options", string(m.Options)}} {
		if strings.ContainsAny(f.value, "\x00\n") || strings.HasPrefix(f.value, "-") || strings.HasPrefix(f.value, "#") {
			bad.Addf(f.attr, "%q cannot stand in %s", f.value, table)
		}
	}
	if strings.ContainsAny(string(m.Options), " \t") {
		bad.Addf("options", "options are separated by commas, not by spaces: %q", string(m.Options))
	}
	for _, n := range []struct {
		attr  string
		value *int
	}{{"dump", m.Dump}, {"pass", m.Pass}} {
		if n.value != nil && (*n.value < 0 || *n.value > 9) {
			bad.Addf(n.attr, "want 0 to 9, got %d", *n.value)
		}
	}
	return bad.Err()
}

// point is the mount point as the kernel writes it.
func (m *Mount) point() string { return path.Clean(m.Path) }

// Provides is the mount point.
func (m *Mount) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "mount", Name: m.point()}}
}

// Requires is a device that is a managed path, the folder of the mount point, and the nearest mount above it.
func (m *Mount) Requires() []resources.Identity {
	var ids []resources.Identity
	if path.IsAbs(m.Device) {
		ids = append(ids, resources.Identity{Kind: "path", Name: m.Device})
	}
	return append(ids, resources.Identity{Kind: "path", Name: m.point(), Nearest: true}, resources.Identity{Kind: "mount", Name: m.point(), Nearest: true})
}

// Touches is the entry in /etc/fstab, and the mount point.
func (m *Mount) Touches() []resources.Touch {
	if m.Ensure == absent {
		return nil
	}
	ts := []resources.Touch{{Path: table, How: resources.Edits}}
	if m.Ensure == mounted {
		ts = append(ts, resources.Touch{Path: m.point(), How: resources.Mounts})
	}
	return ts
}

// Absent says whether what is mounted is to go.
func (m *Mount) Absent() bool { return m.Ensure == absent || m.Ensure == unmounted }

// Covers is the mount point where something else is mounted on it.
func (m *Mount) Covers(d resources.Diff) string {
	if m.Ensure != mounted || !d.Spreads {
		return ""
	}
	return m.point()
}

// Locks keeps two mounts from editing /etc/fstab at a time.
func (m *Mount) Locks() []string { return []string{table} }

// Values is the device, as declared or as /etc/fstab has it, if either does.
func (m *Mount) Values() map[string]any {
	if m.Device == "" {
		return map[string]any{"device": nil}
	}
	return map[string]any{"device": m.Device}
}

// entry is the declared entry; what is not declared is taken from the one that is there.
func (m *Mount) entry(had *fstab.Entry) fstab.Entry {
	e := fstab.Entry{FSType: "auto", Options: "defaults"}
	if had != nil {
		e = *had
	}
	e.Path = m.point()
	if m.Device != "" {
		e.Device = m.Device
	}
	if m.FSType != "" {
		e.FSType = m.FSType
	}
	if m.Options != "" {
		e.Options = string(m.Options)
	}
	if m.Dump != nil {
		e.Dump = *m.Dump
	}
	if m.Pass != nil {
		e.Pass = *m.Pass
	}
	return e
}

// moved says of a difference whether its removal mounts or remounts, or is about the entry alone.
type moved bool

// Check compares the entry and the live mount.
func (m *Mount) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	f, err := m.look(ctx, v)
	if err != nil {
		return resources.Diff{}, err
	}
	if m.Ensure != absent && f.want.Device == "" {
		return resources.Diff{}, &resources.AttrError{Attr: "device", Err: fmt.Errorf("is needed: %s has no entry for %s", table, m.point())}
	}
	if m.Device == "" {
		m.Device = f.want.Device // the value that other blocks see
	}
	d := resources.Diff{Changes: m.compare(ctx, v, f)}
	d.Spreads = d.Has("ensure") || d.Has("device") || d.Has("fstype")
	if !d.Empty() {
		d.Found = moved(m.Ensure == mounted && !f.asEntry(ctx, v))
	}
	loses, err := m.empties(ctx, v, f)
	if err != nil {
		return d, err
	}
	if loses {
		d.Notes = append(d.Notes, fmt.Sprintf("what is in %s is in memory alone: to unmount it loses it, and an undo mounts it empty", m.point()))
	}
	if (d.Found == moved(true) || m.Absent() && f.top() != nil) && live.Apart(v) {
		d.Notes = append(d.Notes, "this process has mounts of its own, as in a systemd unit with PrivateTmp= or ProtectSystem=: the rest of the node keeps those that it has")
	}
	if m.Ensure == mounted && f.top() == nil {
		st, err := v.Lstat(m.point())
		switch {
		case err != nil:
			return d, err
		case st.Kind == host.Absent:
			return d, &resources.MissingError{
				What:   "mount point " + m.point() + ": does not exist",
				Advice: fmt.Sprintf("declare file[%q] with ensure = \"directory\"", m.point()),
			}
		}
	}
	if content, err := m.edited(f); err != nil || content == f.source {
		return d, err
	}
	return d, flags.Change(v, host.OpWrite, table)
}

// compare lists what differs.
func (m *Mount) compare(ctx context.Context, v host.View, f *found) []resources.Change {
	var d resources.Diff
	switch {
	case m.Ensure != "" && m.Ensure != present:
		d.Compare("ensure", f.word(), m.Ensure)
	case f.entry == nil:
		d.Compare("ensure", f.word(), present)
	}
	if m.Ensure == absent {
		return d.Changes
	}
	if f.entry != nil {
		d.Compare("device", f.entry.Device, f.want.Device)
		d.Compare("fstype", f.entry.FSType, f.want.FSType)
		d.Compare("options", f.entry.Options, f.want.Options)
		d.Compare("dump", fmt.Sprint(f.entry.Dump), fmt.Sprint(f.want.Dump))
		d.Compare("pass", fmt.Sprint(f.entry.Pass), fmt.Sprint(f.want.Pass))
	}
	if m.Ensure != mounted || f.top() == nil {
		return d.Changes
	}
	if !live.SameDevice(ctx, v, f.want, *f.top()) && !d.Has("device") {
		d.Compare("device", f.top().Source+" (live)", f.want.Device)
	}
	if !live.SameType(f.want.FSType, *f.top()) && !d.Has("fstype") {
		d.Compare("fstype", f.top().FSType+" (live)", f.want.FSType)
	}
	if lacks := f.lacking(); len(lacks) > 0 && !d.Has("options") {
		d.Compare("options", strings.Join(live.Options(*f.top()), ",")+" (live)", f.want.Options)
	}
	return d.Changes
}
