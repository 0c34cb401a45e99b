package exchange

import (
	"context"
	"fmt"
	"sync"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

// board is the deployment as a run sees it: one watch, begun with the first look, that all of the run's waits share.
type board struct {
	x      *Exchange
	ctx    context.Context
	cancel context.CancelFunc
	start  sync.Once
	wg     sync.WaitGroup

	mu      sync.Mutex
	view    *view.View
	ready   bool
	away    error // why it is not ready
	err     error
	changed chan struct{} // closed at the next change
}

func newBoard(x *Exchange) *board {
	ctx, cancel := context.WithCancel(context.Background())
	return &board{x: x, ctx: ctx, cancel: cancel, view: view.New(x.deployment), changed: make(chan struct{})}
}

func (b *board) stop() {
	b.cancel()
	b.start.Do(func() {}) // nothing begins any more
	b.wg.Wait()
}

func (b *board) follow() {
	for u, err := range store.Follow(b.ctx, b.x.store, name.Prefix(b.x.deployment)) {
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
		close(b.changed)
		b.changed = make(chan struct{})
		b.mu.Unlock()
	}
}

// look gives the present view to f, unless there is none yet (away says why, once that is known), and a channel that is
// closed when there is another.
func (b *board) look(f func(*view.View)) (changed <-chan struct{}, away, err error) {
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
