package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources/all"
)

func (a *app) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "history [RUN]",
		Short:   "List the runs of this node, or show the report of one",
		Example: "  apply history\n  apply history 01M80BQJE9GFMGFZJH661JWPSE",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			state, err := a.openState()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return a.showRun(state, args[0])
			}
			return a.listRuns(state)
		},
	}
}

// runLine is one run as history lists it.
type runLine struct {
	Run        string         `json:"run"`
	Started    time.Time      `json:"started"`
	Manifest   string         `json:"manifest"`
	Commit     string         `json:"commit,omitempty"`
	Outcome    report.Outcome `json:"outcome"`
	Counts     report.Counts  `json:"counts"`
	DurationMS float64        `json:"duration_ms"`
}

func (a *app) listRuns(state *journal.State) error {
	ids, err := state.Reports()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, id := range ids {
		var r report.Report
		if err := state.Report(id, &r); err != nil {
			fmt.Fprintf(a.stderr, "apply: %v\n", err)
			continue
		}
		c := r.Counts()
		line := runLine{r.Run, r.Started, r.Manifest, r.Commit, r.Outcome(), c, r.DurationMS}
		if a.flags.json {
			if err := json.NewEncoder(a.stdout).Encode(line); err != nil {
				return err
			}
			continue
		}
		commit := r.Commit
		if len(commit) > 12 {
			commit = commit[:12]
		}
		took := time.Duration(r.DurationMS * float64(time.Millisecond)).Round(time.Millisecond)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d changed, %d refreshed, %d failed of %d\t%v\n",
			r.Run, r.Started.Local().Format(time.DateTime), report.Printable(r.Manifest), commit, c.Changed, c.Refreshed, c.Failed, c.Total, took)
	}
	return w.Flush()
}

func (a *app) showRun(state *journal.State, id string) error {
	var r report.Report
	if err := state.Report(id, &r); err != nil {
		return err
	}
	p := a.printer()
	p.Begin(&r)
	for _, res := range r.Results {
		p.Ended(res)
	}
	p.End(&r)
	return p.Close()
}

func (a *app) undoCommand() *cobra.Command {
	var list, yes bool
	cmd := &cobra.Command{
		Use:   "undo [RUN]",
		Short: "Put back what a run changed, in reverse order",
		Long: `Put back what a run changed, in reverse order: the last run that changed something, or the one given.

What has changed since is refused, and then nothing is put back unless --yes says to put back the rest.`,
		Example: "  apply undo --list\n  apply undo\n  apply undo 01M80BQJE9GFMGFZJH661JWPSE",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ""
			if len(args) == 1 {
				id = args[0]
			}
			return a.undo(cmd.Context(), id, list, yes)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "only list what would be put back")
	cmd.Flags().BoolVar(&yes, "yes", false, "put back the rest where something is refused")
	a.flags.reportFiles(cmd.Flags())
	cmd.Flags().DurationVar(&a.flags.waitLock, "wait-lock", 0, "wait this long for another run to end")
	a.flags.shared(cmd.Flags())
	return cmd
}

func (a *app) undo(ctx context.Context, id string, list, yes bool) error {
	ctx, signals := a.catch(ctx)
	defer signals.end()
	state, err := a.openState()
	if err != nil {
		return err
	}
	h, err := a.node()
	if err != nil {
		return err
	}
	if err := state.Lock(ctx, a.flags.waitLock); err != nil {
		return err
	}
	defer func() { a.warn(state.Close()) }()
	if id == "" {
		if id, err = lastChange(state); err != nil {
			return err
		}
	}
	u, err := state.PlanUndo(h, id)
	if err != nil {
		return err
	}
	a.listUndo(u)
	refused := u.Refused()
	switch {
	case list:
		return nil
	case len(refused) > 0 && !yes:
		return fmt.Errorf("undo %s: %d of %d cannot be put back (see above); nothing was touched. To put back the rest: apply undo --yes %s", id, len(refused), len(u.Steps), id)
	case len(refused) == len(u.Steps):
		return fmt.Errorf("undo %s: there is nothing that can be put back", id)
	}
	if err := signals.begin(); err != nil {
		return err
	}
	return a.putBack(ctx, state, h, u, signals)
}

// lastChange is the id of the last run that changed something.
func lastChange(state *journal.State) (string, error) {
	ids, err := state.Journals()
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", errors.New("no run that changed something is on record")
	}
	return ids[0], nil
}

func (a *app) listUndo(u *journal.Undo) {
	for _, s := range u.Steps {
		word := "put back"
		if s.Refused != "" {
			word = "refused (" + s.Refused + ")"
		}
		fmt.Fprintf(a.stdout, "%s: %s: %s\n", report.Printable(s.Addr.String()), report.Printable(s.What), word)
	}
}

// putBack takes the steps back, as a run of its own.
func (a *app) putBack(ctx context.Context, state *journal.State, h *host.Local, u *journal.Undo, signals *interrupts) error {
	id := report.NewRunID(time.Now())
	part, err := a.undoPart(ctx, h, u, id)
	if err != nil {
		return err
	}
	defer func() { a.warn(part.End(ctx, true, "")) }()
	rep, err := undo.Run(ctx, state, h, u, undo.Options{ID: id, Types: all.Linked(part), Interrupted: func() int { return int(signals.number.Load()) }})
	if rep == nil {
		return err
	}
	a.warn(err)
	p := a.printer()
	p.Begin(rep)
	for _, res := range rep.Results {
		p.Ended(res)
	}
	p.End(rep)
	a.ran, a.code = true, rep.ExitCode(false)
	a.warn(state.SaveReport(rep.Run, rep))
	return errors.Join(p.Close(), a.saveReports(rep))
}

// undoPart is the part in the exchange of an undo that puts back exported facts; another's has not begun.
func (a *app) undoPart(ctx context.Context, h *host.Local, u *journal.Undo, run string) (*session.Session, error) {
	known, err := a.facts(h)
	if err != nil {
		return nil, err
	}
	part, err := a.session(known)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(u.Steps, func(s journal.UndoStep) bool { return s.Addr.Type == "fact" && s.Refused == "" }) {
		part.Begin(ctx, run, "", exchange.Plan{}, nil)
	}
	return part, nil
}
