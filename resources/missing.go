package resources

import (
	"context"

	"github.com/nodeapply/apply/host"
)

// Missing stands for a resource that others refer to and that there is not, as only the run could tell.
// It is here because the manifest, which makes it, does not see package host.
type Missing struct{ Err error }

var _ Resource = Missing{}

// Check says why it is not there.
func (m Missing) Check(context.Context, host.View) (Diff, error) { return Diff{}, m.Err }

// Apply says so too.
func (m Missing) Apply(context.Context, host.Host, Diff) error { return m.Err }
