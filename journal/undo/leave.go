package undo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/undo/internal/kept"
	"github.com/nodeapply/apply/resources"
)

const leaveTimeout = time.Minute // to read all states that a run has changed

// Leave records how a run, of which nothing goes on any more, leaves the states that types keep themselves, also where ctx has ended with it. What of
// them the error tells, or a run that dies before does not come to, an undo puts back whatever has become of it.
func Leave(ctx context.Context, run *journal.Run, v host.View, types []resources.Type) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	states := run.States()
	var errs []error
	for _, a := range slices.SortedFunc(maps.Keys(states), func(a, b resources.Address) int { return cmp.Compare(a.String(), b.String()) }) {
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("%s and others: how the run leaves them is not known: %w", a, ctx.Err()))
			break
		}
		now, err := kept.Types(types).Now(ctx, v, a, states[a])
		if err == nil {
			err = run.Left(a, now)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: how the run leaves it is not known: %w", a, err))
		}
	}
	return errors.Join(errs...)
}
