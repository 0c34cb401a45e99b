package storetest

import (
	"context"

	"github.com/nodeapply/apply/exchange/store"
)

// Deaf is a store that renews no lease once Gone is closed: its user loses sight of it, and others go on with the Store behind it.
type Deaf struct {
	store.Store
	Gone chan struct{}
}

// Renew is [store.Store.Renew], or [store.ErrUnavailable].
func (d *Deaf) Renew(ctx context.Context, id store.LeaseID) error {
	select {
	case <-d.Gone:
		return store.ErrUnavailable
	default:
		return d.Store.Renew(ctx, id)
	}
}
