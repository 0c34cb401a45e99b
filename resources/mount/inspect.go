package mount

import (
	"context"
	"fmt"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/mount/fstab"
)

var (
	_ resources.Inspector = (*Mount)(nil)
	_ resources.Lister    = (*Mount)(nil)
)

// List returns the mount points of /etc/fstab that match; swap has none.
func (m *Mount) List(_ context.Context, v host.View, of string) ([]string, error) {
	content, err := host.ReadFile(v, table)
	if err != nil {
		return nil, err
	}
	points := slices.DeleteFunc(fstab.Parse(content).Points(), func(p string) bool { return p == "none" || p == "swap" })
	return resources.Select(of, points), nil
}

// Inspect fills the attributes from the entry, else from the live mount.
func (m *Mount) Inspect(ctx context.Context, v host.View) error {
	f, err := m.look(ctx, v)
	if err != nil {
		return err
	}
	top := f.top()
	switch {
	case f.entry != nil:
		m.Device, m.FSType, m.Options = f.entry.Device, f.entry.FSType, Options(f.entry.Options)
		m.Dump, m.Pass = &f.entry.Dump, &f.entry.Pass
		m.Ensure = f.word()
		if m.Ensure == mounted && len(m.compare(ctx, v, f)) > 0 {
			m.Ensure = present // another thing is mounted there than the entry says
		}
	case top != nil:
		return fmt.Errorf("%s is mounted and not in %s: there is no such state to declare", m.point(), table)
	default:
		m.Ensure = absent
	}
	return nil
}
