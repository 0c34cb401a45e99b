package visit

import (
	"context"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/attempt"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

// enter enters the limits of a resource that is about to be changed or refreshed. After a wait it is examined anew. ok is false when nothing is left to be
// done, or it failed.
func (t *Visit) enter(ctx context.Context, sections []*catalog.Section) (ok bool) {
	due := !t.Diff.Empty()
	if r, is := t.Entry.Resource.(resources.Refresher); !due && is && len(t.Notifiers) > 0 {
		due, _, _ = t.refreshable(ctx, r) // its error comes again where the refresh is done
	}
	if !due {
		return true
	}
	var waited bool
	var err error
	t.inside, waited, err = t.places.Enter(ctx, t.Slot, sections, func(s *catalog.Section) (resources.Place, error) { return t.await(ctx, s) })
	found := Finding{Wanted: true}
	if err == nil && waited {
		found, err = t.examine(ctx)
		t.Diff = found.Diff
	}
	if err == nil {
		err = t.Stop.Err()
	}
	switch {
	case err != nil:
		t.fail(err)
	case !found.Wanted:
		t.Result.Reason = found.Why
		t.settled(ctx)
	}
	return err == nil && found.Wanted
}

// await waits for a place, no longer than the limit allows, and not on when the run is interrupted.
func (t *Visit) await(ctx context.Context, s *catalog.Section) (resources.Place, error) {
	e := t.Catalog.Entries()[s.Limit]
	after := t.timeout(e)
	ctx, cancel := context.WithTimeoutCause(ctx, after, &attempt.TimeoutError{After: after})
	defer cancel()
	ctx, done := t.Stop.Context(ctx)
	defer done()
	t.running("waiting for limit." + s.Name)
	return e.Resource.(resources.Limiter).Enter(t.telling(ctx))
}

// Leave is told that a vertex has ended: the limits of which it was the last inside are left.
func (w *Walk) Leave(ctx context.Context, v int, slot graph.Slot) {
	w.places.Ended(ctx, slot, w.Catalog.Sections(v))
}

// Troubles lists what went wrong and made no resource fail.
func (w *Walk) Troubles() []error { return w.places.Troubles() }
