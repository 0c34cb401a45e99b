package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// ErrLives says that a node is not gone: it runs, or writes.
var ErrLives = errors.New("its run has not ended")

// Forget removes all that a node which is gone has written in the deployment: its groups, by which others would wait for it, and its facts. Nodes may not
// forget each other: it is for the store's operator. A node whose run is seen is ErrLives, one that has written nothing store.ErrNotFound.
func (x *Exchange) Forget(ctx context.Context, node string) error {
	if err := name.Node(node); err != nil {
		return err
	}
	l, err := store.Retry(ctx, func(ctx context.Context) (store.Listing, error) {
		return x.store.List(ctx, name.NodePrefix(x.deployment, node))
	})
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	if len(l.Entries) == 0 {
		return fmt.Errorf("node %s: %w in deployment %s", node, store.ErrNotFound, x.deployment)
	}
	if slices.ContainsFunc(l.Entries, lives) {
		return fmt.Errorf("node %s: %w (one that was cut off is gone after %v)", node, ErrLives, x.timing.lease)
	}
	for _, e := range l.Entries {
		err := store.Try(ctx, func(ctx context.Context) error { return x.store.Delete(ctx, e.Key, e.Revision) })
		switch {
		case errors.Is(err, store.ErrConflict):
			return fmt.Errorf("node %s: %w: it writes just now", node, ErrLives)
		case err != nil && !errors.Is(err, store.ErrNotFound): // it went with a lease meanwhile
			return fmt.Errorf("exchange: %s: %w", e.Key, err)
		}
	}
	return nil
}

// lives tells whether an entry is of a run that goes on.
func lives(e store.Entry) bool {
	k, err := name.Parse(e.Key)
	if err != nil || k.Kind != name.KindRun {
		return false
	}
	rec, err := record.Decode(k, e.Value)
	r, ok := rec.(*record.Run)
	return err == nil && ok && !r.Ended
}
