package visit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// part is what an entry has in a transaction, which may take as long as any of its parts: none is ended for another's haste.
type part struct {
	resources.Member
	timeout time.Duration
}

// Expect is told that an entry is ready to be visited. If it can be grouped, the transaction of its type waits for it until it is Over. Else the entries that
// are declared after it and share its locks wait, so that lines come into a file, and accounts get their numbers, in the order of declaration. What is
// inside a limit is not waited for: it may itself wait for other nodes.
func (w *Walk) Expect(v int, e *catalog.Entry) {
	if w.Host == nil || len(w.Catalog.Sections(v)) > 0 {
		return
	}
	switch r := e.Resource.(type) {
	case resources.Grouper:
		w.groups.Expect(e.Addr.Type, e)
	case resources.Locker:
		w.turns.Expect(v, r.Locks())
	}
}

// Over is told that an entry has ended, visited or not.
func (w *Walk) Over(v int, e *catalog.Entry) {
	w.Ahead.Forget(v)
	w.groups.Ended(e.Addr.Type, e)
	w.turns.Over(v)
}

// grouped makes the visit's change in one transaction with the others of its type that are ready.
func (t *Visit) grouped(ctx context.Context, g resources.Grouper, diff resources.Diff) error {
	if err := t.within(ctx, t.timeout(t.Entry), func(ctx context.Context) error { return t.begin(ctx, diff) }); err != nil {
		return err
	}
	mine := part{resources.Member{Resource: t.Entry.Resource, Diff: diff}, t.timeout(t.Entry)}
	return t.groups.Join(t.Entry.Addr.Type, t.Entry, mine, t.Slot.Wait, func(parts []part) []error {
		all, longest := make([]resources.Member, len(parts)), time.Duration(0)
		for i, p := range parts {
			all[i], longest = p.Member, max(longest, p.timeout)
		}
		results := make(chan []error, 1) // an attempt that was left behind must not write to what is read here
		err := t.locked(ctx, longest, func(ctx context.Context) error {
			if err := t.Stop.Err(); err != nil { // others were waited for since each was recorded
				return err
			}
			errs := g.ApplyGroup(ctx, t.changing(nil), all)
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
