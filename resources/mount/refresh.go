package mount

import (
	"context"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

var _ resources.Refresher = (*Mount)(nil)

// Refreshable says that what is mounted, and was not mounted or remounted in this run, would be remounted. What is mounted in the place of what the entry
// says can be there only where nobody declares that it is mounted: it is left alone.
func (m *Mount) Refreshable(ctx context.Context, v host.View, applied resources.Diff) (ok bool, why string, err error) {
	const idle, done, other = "not mounted", "mounted or remounted in this run", "something else is mounted there than its entry says"
	if m.Absent() {
		return false, idle, nil
	}
	if moved, _ := applied.Found.(moved); moved {
		return false, done, nil
	}
	f, err := m.look(ctx, v)
	switch {
	case err != nil:
		return false, "", err
	case f.top() == nil:
		return false, idle, nil
	case !f.same(ctx, v):
		return false, other, nil
	}
	return true, "", nil
}

// Refresh remounts, or unmounts and mounts.
func (m *Mount) Refresh(ctx context.Context, h host.Host) error {
	f, err := m.look(ctx, h) // under the lock
	if err != nil || f.top() == nil {
		return err
	}
	return m.remount(ctx, h, f)
}
