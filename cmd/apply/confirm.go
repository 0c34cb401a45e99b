package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/confirm"
	"github.com/nodeapply/apply/report"
)

func (a *app) confirmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "confirm",
		Short: "Keep what a run with --confirm-within has changed",
		Long: `Keep what a run with --confirm-within has changed.

Such a run is undone by a timer of systemd unless it is confirmed in time: for changes that may cut the operator off.`,
		Example: "  apply --confirm-within 5m main.hcl\n  apply confirm",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.confirm(cmd.Context()) },
	}
}

func (a *app) confirm(ctx context.Context) error {
	state, err := a.openState()
	if err != nil {
		return err
	}
	h, err := a.node()
	if err != nil {
		return err
	}
	run, err := confirm.Keep(ctx, state, h)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "run %s is confirmed\n", run)
	return err
}

// arm starts the timer that undoes a run by this program.
func (a *app) arm(ctx context.Context, state *journal.State, h host.Host, run string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	exchange, err := a.exchangeArgs()
	if err != nil {
		return err
	}
	undo := slices.Concat([]string{program, "undo", "--yes", "--wait-lock=1h", "--state-dir=" + state.Dir()}, exchange, []string{run})
	return confirm.Arm(ctx, state, h, run, a.flags.confirmWithin, undo)
}

// exchangeArgs are the flags that say in which exchange the run exported its facts, for who takes them back. A password is not among them, which all could read.
func (a *app) exchangeArgs() ([]string, error) {
	var args []string
	if u := a.flags.exchange; u != "" && !strings.Contains(u, "@") {
		args = append(args, "--exchange="+u)
	}
	if a.flags.credentials != "" {
		dir, err := filepath.Abs(a.flags.credentials)
		if err != nil {
			return nil, err
		}
		args = append(args, "--exchange-credentials="+dir)
	}
	if a.flags.deployment != "" {
		args = append(args, "--deployment="+a.flags.deployment)
	}
	return args, nil
}

// keepOrConfirm starts the time for the confirmation of a run that has ended, if it changed something.
func (a *app) keepOrConfirm(ctx context.Context, state *journal.State, h host.Host, rep *report.Report) error {
	if a.flags.confirmWithin == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // an interrupted run is to be confirmed too
	if c := rep.Counts(); c.Changed+c.Refreshed+c.Failed == 0 {
		return confirm.Disarm(ctx, state, h)
	}
	if err := a.arm(ctx, state, h, rep.Run); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "apply: this run is undone in %v unless apply confirm comes\n", a.flags.confirmWithin)
	return nil
}
