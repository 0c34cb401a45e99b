package mount

import (
	"context"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/mount/fstab"
)

var _ resources.Lister = (*Mount)(nil)

// List returns the mount points of /etc/fstab that match; swap has none.
func (m *Mount) List(_ context.Context, v host.View, of string) ([]string, error) {
	content, err := host.ReadFile(v, table)
	if err != nil {
		return nil, err
	}
	points := slices.DeleteFunc(fstab.Parse(content).Points(), func(p string) bool { return p == "none" || p == "swap" })
	return resources.Select(of, points), nil
}
