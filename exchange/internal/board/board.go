// Package board is a deployment as a run sees it: one watch, which all that look at it share.
package board

import (
	"context"
	"fmt"
	"sync"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

// Board is a watch over a deployment, begun with the first look. It may be used by several goroutines.
type Board struct {
	store  store.Store
	prefix string
	ctx    context.Context
	cancel context.CancelFunc
	start  sync.Once
	wg     sync.WaitGroup

	mu      sync.Mutex
	again   context.CancelFunc // ends the present watch, for another to begin
	view    *view.View
	ready   bool
	away    error // why nothing is known, or nothing new
	err     error
	changed chan struct{} // closed at the next change
}

// New returns a Board that watches nothing yet. Stop must be called.
func New(s store.Store, deployment string) *Board {
	ctx, cancel := context.WithCancel(context.Background())
	return &Board{store: s, prefix: name.Prefix(deployment), ctx: ctx, cancel: cancel, view: view.New(deployment), changed: make(chan struct{})}
}

// Stop ends the watch, and waits for its end.
func (b *Board) Stop() {
	b.cancel()
	b.start.Do(func() {}) // nothing begins any more
	b.wg.Wait()
}

func (b *Board) follow() {
	for b.ctx.Err() == nil && b.failed() == nil {
		ctx, cancel := context.WithCancel(b.ctx)
		b.mu.Lock()
		b.again = cancel
		b.mu.Unlock()
		b.once(ctx)
		cancel()
	}
}

func (b *Board) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// once is one watch, with its listing before it.
func (b *Board) once(ctx context.Context) {
	for u, err := range store.Follow(ctx, b.store, b.prefix) {
		if err != nil && ctx.Err() != nil && b.ctx.Err() == nil {
			return // it begins again
		}
		b.mu.Lock()
		switch {
		case err != nil:
			b.err = fmt.Errorf("exchange: %w", err)
		case u.Away != nil:
			b.away = u.Away
		default:
			b.view.Update(u)
			b.ready, b.away = true, nil
		}
		b.wake()
		b.mu.Unlock()
	}
}

// Again lists all anew: the store has forgotten what it held, and may count its revisions from an earlier one, which a watch does not notice.
func (b *Board) Again() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.again != nil {
		b.again()
	}
}

// wake tells those who look that something is another.
func (b *Board) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Away says why the store cannot be reached, nil that it can: a watch tries again and says nothing of that.
func (b *Board) Away(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if (why == nil) != (b.away == nil) && (why != nil || b.ready) {
		b.away = why
		b.wake()
	}
}

// Look gives the present view to f, unless there is none yet, and a channel that is closed when there is another. away says why there is
// none, or no new one, once that is known.
func (b *Board) Look(f func(*view.View)) (changed <-chan struct{}, away, err error) {
	b.start.Do(func() { b.wg.Go(b.follow) })
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, nil, b.err
	}
	if b.ready {
		f(b.view)
	}
	return b.changed, b.away, nil
}
