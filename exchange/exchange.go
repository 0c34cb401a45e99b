// Package exchange is where facts that nodes export meet: what a run publishes, waits for, and takes part in.
//
// It stands on a store (exchange/store) that exchange/connect opens from a URL. An [Exchange] is one deployment in it; a node
// that converges joins with [Exchange.Join] and has a [Run], through which its resources export facts, wait for those of
// others and enter limits. All calls try again while the store is away, until their context ends.
package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nodeapply/apply/exchange/internal/place"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

// DefaultDeployment is the one when none is named.
const DefaultDeployment = "default"

// Errors that end a wait, a place in a limit, or a run's part in an exchange.
var (
	ErrTwins = place.ErrTwins
	ErrLocal = errors.New("no exchange is configured (set one: --exchange https://HOST:7654 or etcd://HOST1,HOST2)")
)

// Exchange is one deployment in a store.
type Exchange struct {
	store      store.Store
	deployment string
	local      bool
	timing     timing
}

// timing holds the pauses of the protocol; tests shorten them.
type timing struct {
	lease  time.Duration // a run that is not heard of for so long is gone
	settle time.Duration // how long what ended before a run is given to begin anew
	quiet  time.Duration // nothing happened for so long: look for cycles
}

// Options of New.
type Options struct {
	Deployment string // "" is DefaultDeployment
	Local      bool   // the store is this node's own: waiting for another node is an error
}

// New makes the exchange of a deployment. The store stays the caller's to close.
func New(s store.Store, o Options) (*Exchange, error) {
	o.Deployment = cmp.Or(o.Deployment, DefaultDeployment)
	if err := name.Deployment(o.Deployment); err != nil {
		return nil, err
	}
	return &Exchange{
		store: s, deployment: o.Deployment, local: o.Local,
		timing: timing{lease: 15 * time.Second, settle: 10 * time.Second, quiet: 200 * time.Millisecond},
	}, nil
}

// Snapshot is what stands in the deployment now.
func (x *Exchange) Snapshot(ctx context.Context) (*view.View, error) {
	l, err := store.Retry(ctx, func(ctx context.Context) (store.Listing, error) {
		return x.store.List(ctx, name.Prefix(x.deployment))
	})
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	return view.Of(x.deployment, l), nil
}

// Follow yields what stands in the deployment now, and again after every change: the same view, changed in between. It ends
// with an error, the context's at the latest.
func (x *Exchange) Follow(ctx context.Context) iter.Seq2[*view.View, error] {
	return func(yield func(*view.View, error) bool) {
		v := view.New(x.deployment)
		for u, err := range store.Follow(ctx, x.store, name.Prefix(x.deployment)) {
			if err != nil {
				yield(nil, fmt.Errorf("exchange: %w", err))
				return
			}
			if v.Update(u); u.Away == nil && !yield(v, nil) {
				return
			}
		}
	}
}
