package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/confirm"
	"github.com/nodeapply/apply/journal/memory"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/all"
)

// undoing is the command undo.
type undoing struct {
	*load.Loader
	list, yes bool
	waitLock  flagvalue.Duration
}

func undoCommand(a *cli.App) *cobra.Command {
	u := &undoing{Loader: load.New(a)}
	cmd := &cobra.Command{
		Use:   "undo [RUN]",
		Short: "Put back what a run changed, in reverse order",
		Long: `Put back what a run changed, in reverse order: the last run that changed something, or the one given. Services that the run restarted or reloaded
because of it are restarted or reloaded again.

What has changed since is refused, and then nothing is put back unless --yes says to put back the rest. What nothing can put back, such as what a
command did, is told and stays.`,
		Example:           "  apply undo --list\n  apply undo\n  apply undo 01M80BQJE9GFMGFZJH661JWPSE",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: runIDs(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			return u.run(cmd.Context(), func(state *journal.State, v host.View) (string, error) {
				if len(args) == 1 {
					return state.Find(args[0])
				}
				return undo.LastChange(state, v)
			})
		},
	}
	cmd.Flags().BoolVar(&u.list, "list", false, "only list what would be put back")
	cmd.Flags().BoolVar(&u.yes, "yes", false, "put back the rest where something is refused")
	u.AddReport(cmd.Flags(), "a report")
	cmd.Flags().Var(&u.waitLock, "wait-lock", "wait this long for another run to end")
	u.Exchange.AddFlags(cmd.Flags())
	return cmd
}

// run undoes the run that which tells.
func (u *undoing) run(ctx context.Context, which func(*journal.State, host.View) (string, error)) error {
	ctx, signals := u.Catch(ctx)
	defer signals.End()
	state, err := u.OpenState()
	if err != nil {
		return err
	}
	h, err := local.New(local.Options{})
	if err != nil {
		return err
	}
	if err := state.Lock(ctx, time.Duration(u.waitLock)); err != nil {
		return err
	}
	defer func() { u.Warn(state.Close()) }()
	id, err := which(state, h)
	if err != nil {
		return err
	}
	known, err := u.Facts(h)
	if err != nil {
		return err
	}
	part, err := u.Exchange.Session(u.App, known)
	if err != nil {
		return err
	}
	types := all.Linked(part)
	plan, err := undo.PlanOf(ctx, state, h, types, id)
	if err != nil {
		return err
	}
	told := cli.Unread(u.tell(plan))
	if plan.Torn != nil {
		u.Note(fmt.Sprintf("the end of the journal of run %s is lost (%v): what the run did then is not known, and stays", id, plan.Torn))
	}
	refused, blocking := plan.Refused()
	switch {
	case u.list:
		return told
	case blocking > 0 && !u.yes:
		return fmt.Errorf("undo %s: %d of %d cannot be put back (see above); nothing was touched. To put back the rest: apply undo --yes %s", id, blocking, len(plan.Steps), id)
	}
	if err := signals.Begin(); err != nil {
		return err
	}
	own, err := state.NextID(time.Now())
	if err != nil {
		return err
	}
	if refused == len(plan.Steps) {
		warnings, err := undo.Sweep(ctx, state, h, own)
		u.Note(warnings...)
		return errors.Join(fmt.Errorf("undo %s: there is nothing that can be put back; apply history lists the other runs", id), err)
	}
	o := undo.Options{ID: own, Node: u.Exchange.Name(ctx, known), Interrupted: signals.Number}
	if slices.ContainsFunc(plan.Steps, func(s undo.Step) bool { return s.Addr.Type == "fact" && s.Refused == "" }) {
		part.Begin(ctx, o.ID, "", exchange.Plan{}, nil)
		defer func() { u.Warn(part.End(ctx, true, "")) }()
	}
	return errors.Join(told, u.putBack(ctx, state, h, plan, o))
}

// tell lists what would be put back, and what stays.
func (u *undoing) tell(plan *undo.Plan) error {
	if len(plan.Steps) > 0 && !u.JSON {
		if _, err := fmt.Fprintf(u.Stdout, "what run %s did, the last first:\n", plan.Run); err != nil {
			return err
		}
	}
	for _, s := range plan.Steps {
		verdict := "put back"
		switch {
		case s.Lasting:
			verdict = "irreversible"
		case s.Refused != "":
			verdict = "refused"
		case s.Refreshes():
			verdict = "refreshed"
		}
		var err error
		if u.JSON {
			err = u.PrintJSON(struct {
				Event   string            `json:"event"`
				Run     string            `json:"run"` // that is undone
				Address resources.Address `json:"address"`
				What    string            `json:"what"`
				Verdict string            `json:"verdict"`
				Reason  string            `json:"reason,omitempty"`
			}{"undo", plan.Run, s.Addr, s.What, verdict, s.Refused})
		} else {
			if s.Refused != "" {
				verdict += " (" + s.Refused + ")"
			}
			what := report.Printable(s.Addr.String())
			if s.What != s.Addr.String() {
				what += ": " + report.Printable(s.What)
			}
			_, err = fmt.Fprintf(u.Stdout, "%s: %s\n", what, verdict)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putBack takes the steps back, as a run of its own.
func (u *undoing) putBack(ctx context.Context, state *journal.State, h *local.Node, plan *undo.Plan, o undo.Options) error {
	rep, err := undo.Run(ctx, state, h, plan, o)
	if rep == nil {
		return err
	}
	u.Warn(err)
	told := cli.Unread(u.Print(rep))
	u.Ran, u.Code = true, rep.ExitCode(false)
	u.Warn(state.SaveReport(rep.Run, rep))
	u.Warn(u.undone(context.WithoutCancel(ctx), state, h, plan, rep))
	return errors.Join(told, u.SaveReports(rep))
}

// undone notes that a run was undone as the report says: what is made again is no drift, what is gone no orphan, and if nothing is left of the run there is
// nothing to be confirmed.
func (u *undoing) undone(ctx context.Context, state *journal.State, h host.Host, plan *undo.Plan, rep *report.Report) error {
	steps, taken := map[resources.Address]int{}, map[resources.Address]int{}
	for _, s := range plan.Steps {
		steps[s.Addr]++
	}
	for _, res := range rep.Results {
		if res.Outcome == report.Changed {
			taken[res.Address]++
		}
	}
	back := map[resources.Address]bool{} // entirely or not
	for a, n := range taken {
		back[a] = n == steps[a]
	}
	err := memory.Undone(state, plan.Run, back)
	if rep.Interrupted == 0 && rep.Counts().Failed == 0 {
		err = errors.Join(err, confirm.Disarm(ctx, state, h, plan.Run))
	}
	return err
}
