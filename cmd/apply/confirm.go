package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
)

// pending is a run that waits to be confirmed: the state folder keeps it as confirm.json.
type pending struct {
	Run      string        `json:"run"`
	Unit     string        `json:"unit"` // of the transient timer that undoes the run
	Within   time.Duration `json:"within"`
	Deadline time.Time     `json:"deadline"`
}

const pendingName = "confirm.json"

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
	p, err := readPending(state)
	if err != nil {
		return err
	}
	if p == nil {
		return errors.New("no run waits to be confirmed")
	}
	h, err := a.node()
	if err != nil {
		return err
	}
	if time.Now().After(p.Deadline) {
		return fmt.Errorf("run %s was to be confirmed until %s: its undo has begun", p.Run, p.Deadline.Local().Format(time.DateTime))
	}
	if err := systemctl(ctx, h, "stop", p.Unit+".timer"); err != nil {
		return err
	}
	if err := state.Forget(pendingName); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "run %s is confirmed\n", p.Run)
	return err
}

func readPending(state *journal.State) (*pending, error) {
	b, err := state.Load(pendingName)
	if err != nil || b == nil {
		return nil, err
	}
	var p pending
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", pendingName, err)
	}
	return &p, nil
}

// arm starts the timer that undoes a run. It is armed before the run, which may cut itself off, and again after it, so that the operator has the whole time.
func (a *app) arm(ctx context.Context, state *journal.State, h host.Host, run string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	p := pending{Run: run, Unit: "apply-undo-" + strings.ToLower(run), Within: a.flags.confirmWithin, Deadline: time.Now().Add(a.flags.confirmWithin)}
	old, err := readPending(state)
	switch {
	case err != nil:
		return err
	case old != nil && old.Run == run:
		if err := systemctl(ctx, h, "stop", p.Unit+".timer"); err != nil {
			return err
		}
	case old != nil && time.Now().Before(old.Deadline):
		return fmt.Errorf("run %s waits to be confirmed until %s; apply confirm keeps it", old.Run, old.Deadline.Local().Format(time.DateTime))
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := state.Store(pendingName, b); err != nil {
		return err
	}
	args := []string{
		"systemd-run", "--quiet", "--collect", "--unit=" + p.Unit, fmt.Sprintf("--on-active=%dms", p.Within.Milliseconds()), "--timer-property=AccuracySec=1s",
		"--", program, "undo", "--yes", "--wait-lock=1h", "--state-dir=" + state.Dir(),
	}
	exchange, err := a.exchangeArgs()
	if err != nil {
		return err
	}
	out, err := h.Run(ctx, host.Cmd{Args: slices.Concat(args, exchange, []string{run})})
	if err == nil && out.ExitCode != 0 {
		err = errors.New(strings.TrimSpace(string(out.Stderr)))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("--confirm-within needs a timer of systemd: %w", err), state.Forget(pendingName))
	}
	return nil
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

func systemctl(ctx context.Context, h host.Host, args ...string) error {
	out, err := h.Run(ctx, host.Cmd{Args: append([]string{"systemctl"}, args...)})
	if err == nil && out.ExitCode != 0 {
		err = fmt.Errorf("systemctl %s: %s", strings.Join(args, " "), strings.TrimSpace(string(out.Stderr)))
	}
	return err
}

// keepOrConfirm starts the time for the confirmation of a run that has ended, if it changed something.
func (a *app) keepOrConfirm(ctx context.Context, state *journal.State, h host.Host, rep *report.Report) error {
	if a.flags.confirmWithin == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // an interrupted run is to be confirmed too
	if c := rep.Counts(); c.Changed+c.Refreshed+c.Failed == 0 {
		p, err := readPending(state)
		if err != nil {
			return err
		}
		return errors.Join(systemctl(ctx, h, "stop", p.Unit+".timer"), state.Forget(pendingName))
	}
	if err := a.arm(ctx, state, h, rep.Run); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "apply: this run is undone in %v unless apply confirm comes\n", a.flags.confirmWithin)
	return nil
}
