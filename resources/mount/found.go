package mount

import (
	"context"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/mount/fstab"
	"github.com/nodeapply/apply/resources/mount/internal/live"
	"github.com/nodeapply/apply/resources/mount/internal/options"
)

// found is what the node has at the mount point.
type found struct {
	table  *fstab.Table
	source string       // the bytes of the table
	entry  *fstab.Entry // nil: none
	live   []host.Mount // stacked, the one on top last
	want   fstab.Entry  // the entry as it should be; only with an ensure other than absent
	origin host.Mount   // in which the folder is that want binds

	numbered string // want's options, users and groups by number
}

func (f *found) top() *host.Mount {
	if len(f.live) == 0 {
		return nil
	}
	return &f.live[len(f.live)-1]
}

// lacking are the options that what is mounted should have and has not.
func (f *found) lacking() []string {
	if options.Lacking(f.want.Options, *f.top(), f.origin) == nil { // a sandbox shows them as they are said
		return nil
	}
	return options.Lacking(f.numbered, *f.top(), f.origin)
}

// same says whether what is mounted is what the entry says, whatever its options.
func (f *found) same(ctx context.Context, v host.View) bool {
	return live.SameDevice(ctx, v, f.want, *f.top()) && live.SameType(f.want.FSType, *f.top())
}

// asEntry says whether what the entry says is mounted, with its options.
func (f *found) asEntry(ctx context.Context, v host.View) bool {
	return f.top() != nil && f.same(ctx, v) && len(f.lacking()) == 0 && len(f.untried()) == 0
}

// word is the value of ensure that the node has.
func (f *found) word() string {
	switch {
	case f.entry != nil && f.top() != nil:
		return mounted
	case f.entry != nil:
		return unmounted
	case f.top() != nil:
		return "mounted, not in " + table
	}
	return absent
}

// empties says whether the last mount of a file system that is in memory alone is to be unmounted.
func (m *Mount) empties(ctx context.Context, v host.View, f *found) (bool, error) {
	if m.Ensure == present || m.Ensure == "" || m.Ensure == mounted && (f.top() == nil || f.same(ctx, v)) {
		return false, nil
	}
	all, err := v.Mounts(ctx)
	return slices.ContainsFunc(f.live, func(is host.Mount) bool { return live.Loses(all, is) }), err
}

// look reads the table and the mounts of the kernel.
func (m *Mount) look(ctx context.Context, v host.View) (*found, error) {
	content, err := host.ReadFile(v, table)
	if err != nil {
		return nil, err
	}
	f := &found{table: fstab.Parse(content), source: content}
	if f.entry, err = f.table.Find(m.point()); err != nil {
		return nil, err
	}
	if f.live, err = live.At(ctx, v, m.point()); err != nil {
		return nil, err
	}
	if m.Ensure == mounted && f.top() == nil { // mount(8) follows any link
		if _, _, err := host.Resolve(v, m.point()); err != nil {
			return nil, err
		}
	}
	f.want = m.entry(f.entry)
	f.numbered = live.Numbered(ctx, v, f.want.Options)
	f.origin, err = live.Origin(ctx, v, f.want)
	return f, err
}
