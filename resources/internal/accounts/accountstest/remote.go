package accountstest

import (
	"context"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// Remote is a node whose name services know one more account.
type Remote struct {
	*hosttest.Host
	User  host.User
	Group host.Group
}

// LookupUser implements [host.View].
func (r Remote) LookupUser(ctx context.Context, nameOrID string) (host.User, error) {
	if nameOrID == r.User.Name {
		return r.User, nil
	}
	return r.Host.LookupUser(ctx, nameOrID)
}

// LookupGroup implements [host.View].
func (r Remote) LookupGroup(ctx context.Context, nameOrID string) (host.Group, error) {
	if nameOrID == r.Group.Name {
		return r.Group, nil
	}
	return r.Host.LookupGroup(ctx, nameOrID)
}
