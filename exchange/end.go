package exchange

import (
	"context"
	"errors"
	"fmt"

	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

var errEnding = errors.New("the run has ended")

// End says that the run has ended, and with which failure ("" for none): what it has not exported will not come. It waits
// for what the run has started, and returns when the record stands. A second time it does nothing.
func (r *Run) End(ctx context.Context, failed string) error {
	if r.over {
		return nil
	}
	if lost := r.stop(); lost != nil {
		return lost // the place is another's
	}
	r.mu.Lock()
	r.rec.Ended, r.rec.Failed, r.rec.Doing, r.rec.Waits, r.rec.Exports = true, record.Short(failed), "", nil, nil
	b, err := encode(r.place.Key, &r.rec)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	if err := r.place.Put(ctx, b, 0, r.still); err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	return r.letGo(ctx)
}

// Leave ends the run in place of End and says nothing about what has not come: the node goes down and will begin anew. Who waits for it
// waits on.
func (r *Run) Leave(ctx context.Context) error {
	if r.over {
		return nil
	}
	if lost := r.stop(); lost != nil {
		return lost
	}
	return r.letGo(ctx)
}

// stop ends the run's goroutines and returns why its place is another's, if it is.
func (r *Run) stop() (lost error) {
	lost = context.Cause(r.life)
	r.lose(errEnding)
	r.wg.Wait()
	r.board.Stop()
	if errors.Is(lost, errEnding) {
		return nil
	}
	return lost
}

// letGo gives the lease back, and with it what still stands under it.
func (r *Run) letGo(ctx context.Context) error {
	r.over = true
	r.mu.Lock()
	lease := r.lease
	r.mu.Unlock()
	if lease == 0 {
		return nil
	}
	if err := r.x.store.Revoke(ctx, lease); err != nil && !errors.Is(err, store.ErrNoLease) && !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("exchange: %w", err)
	}
	return nil
}
