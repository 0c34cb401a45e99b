package converge

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/confirm"
	"github.com/nodeapply/apply/report"
)

// arm starts the timer that undoes a run by this program, which takes its facts back from the same exchange.
func (r *Runner) arm(ctx context.Context, state *journal.State, h host.Host, run string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	exchange, err := r.Exchange.Args()
	if err != nil {
		return err
	}
	undo := slices.Concat([]string{program, "undo", "--yes", "--wait-lock=1h", "--state-dir=" + state.Dir()}, exchange, []string{run})
	return confirm.Arm(ctx, state, h, run, time.Duration(r.confirmWithin), undo)
}

// keepOrConfirm starts the time for the confirmation of a run that has ended, if it changed something.
func (r *Runner) keepOrConfirm(ctx context.Context, state *journal.State, h host.Host, rep *report.Report) error {
	if r.confirmWithin == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // an interrupted run is to be confirmed too
	if c := rep.Counts(); c.Changed+c.Refreshed+c.Failed == 0 {
		return confirm.Disarm(ctx, state, h, rep.Run)
	}
	if err := r.arm(ctx, state, h, rep.Run); err != nil {
		return err
	}
	fmt.Fprintf(r.Stderr, "apply: this run is undone in %v unless apply confirm comes\n", time.Duration(r.confirmWithin))
	return nil
}
