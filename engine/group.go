package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// expect is told that an entry is ready: if it can be grouped, a transaction waits for it.
func (w *walk) expect(e *catalog.Entry) {
	if _, ok := e.Resource.(resources.Grouper); ok && w.converging {
		w.groups.Expect(e.Addr.Type, e)
	}
}

// grouped makes the visit's change in one transaction with the others of its type that are ready.
func (t *visit) grouped(ctx context.Context, g resources.Grouper, diff resources.Diff) error {
	member := resources.Member{Resource: t.e.Resource, Diff: diff}
	return t.groups.Join(t.e.Addr.Type, t.e, member, t.slot.Wait, func(all []resources.Member) []error {
		results := make(chan []error, 1) // an attempt that was left behind must not write to what is read here
		err := t.locked(ctx, func(ctx context.Context) error {
			errs := g.ApplyGroup(ctx, t.recorded(t.e.Addr, nil), all)
			if len(errs) != len(all) {
				return fmt.Errorf("internal error: %d results for a group of %d", len(errs), len(all))
			}
			results <- errs
			return nil
		})
		if err != nil {
			return slices.Repeat([]error{err}, len(all))
		}
		return <-results
	})
}
