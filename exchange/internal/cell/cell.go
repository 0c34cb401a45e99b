// Package cell writes a key of an exchange that one node alone writes.
package cell

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
)

// Cell is one key that this node alone writes. Every write expects the revision that the last one made, so that a request
// that is replayed, or comes late, changes nothing.
type Cell struct {
	Key name.Key

	store store.Store

	mu    sync.Mutex
	known bool
	rev   int64  // 0: the key is not there
	stays []byte // what was written last, if it is under no lease
}

// New returns the Cell of a key, of which nothing is known as yet.
func New(s store.Store, k name.Key) *Cell { return &Cell{Key: k, store: s} }

// Revision is that of the last write, 0 where the key is not there.
func (c *Cell) Revision() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rev
}

// Put writes the cell and tries again until that is certain. What another has written in between is given to other, which
// says whether it may be overwritten (a nil error: yes).
func (c *Cell) Put(ctx context.Context, value []byte, lease store.LeaseID, other func(store.Entry) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.put(ctx, value, lease, other)
}

// Restore writes again what the cell holds where it is gone: the store was put back to an earlier state. What was under a lease has ended with it.
func (c *Cell) Restore(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stays == nil {
		return nil
	}
	c.known = false
	return c.put(ctx, c.stays, 0, Anything)
}

func (c *Cell) put(ctx context.Context, value []byte, lease store.LeaseID, other func(store.Entry) error) error {
	err := store.Try(ctx, func(ctx context.Context) error { return c.putOnce(ctx, value, lease, other) })
	if err == nil && lease == 0 {
		c.stays = value
	} else if err == nil {
		c.stays = nil
	}
	return err
}

func (c *Cell) putOnce(ctx context.Context, value []byte, lease store.LeaseID, other func(store.Entry) error) error {
	for {
		if !c.known {
			e, err := c.store.Get(ctx, c.Key.String())
			switch {
			case errors.Is(err, store.ErrNotFound):
				e.Revision = 0
			case err != nil:
				return err
			case bytes.Equal(e.Value, value) && e.Lease == lease:
				c.known, c.rev = true, e.Revision // an earlier try of this put: its answer was lost
				return nil
			default:
				if err := other(e); err != nil {
					return err
				}
			}
			c.known, c.rev = true, e.Revision
		}
		rev, err := c.store.Put(ctx, store.Put{Key: c.Key.String(), Value: value, Expect: c.rev, Lease: lease})
		if err == nil {
			c.rev = rev
			return nil
		}
		c.known = false
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// Anything lets a Put overwrite whatever is there.
func Anything(store.Entry) error { return nil }
