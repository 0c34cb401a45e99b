// Package converge plans and converges: apply PATH, apply plan PATH, and apply FILE.plan.
package converge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
	"github.com/nodeapply/apply/cmd/apply/internal/interrupt"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/outfile"
	"github.com/nodeapply/apply/cmd/apply/internal/prove"
	"github.com/nodeapply/apply/cmd/apply/internal/prove/rehearsal"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/journal/confirm"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/source"
)

// PlanCommand is apply plan.
func PlanCommand(a *cli.App) *cobra.Command {
	r := New(a)
	cmd := &cobra.Command{
		Use:     "plan [flags] PATH",
		Short:   "Say what would change, and how sure that is; change nothing",
		Example: "  apply plan main.hcl\n  apply plan --detailed-exitcode --json main.hcl",
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := r.Source(cmd, args)
			if err != nil {
				return err
			}
			return r.plan(cmd, src)
		},
	}
	r.AddFlags(cmd.Flags())
	r.AddRun(cmd)
	cmd.Flags().BoolVar(&r.sandbox, "sandbox", false, "also converge in an overlay of this node, and say what that does to its files, commands and packages included")
	cmd.Flags().Var((*flagvalue.Named)(&r.planOut), "out", "save the plan to `FILE`.plan; apply FILE.plan then makes just these changes")
	return cmd
}

func (r *Runner) plan(cmd *cobra.Command, src source.Source) error {
	if load.IsPlan(src) {
		return usage.Error(cmd, fmt.Errorf("%s is a saved plan: apply it, or plan its manifest again", src.Path))
	}
	if r.planOut != "" {
		r.planOut = strings.TrimSuffix(r.planOut, load.PlanSuffix) + load.PlanSuffix
		if err := r.Lasting("who applies the plan reads it again"); err != nil {
			return err
		}
		if err := outfile.Probe(r.planOut); err != nil {
			return fmt.Errorf("--out %s: %w", r.planOut, err)
		}
		r.Makes = []string{"apply", r.planOut}
	}
	ctx, signals := r.Catch(cmd.Context())
	defer signals.End()
	if r.sandbox {
		if err := r.Lasting(rehearsal.ReadsAgain); err != nil {
			return err
		}
		if inside, err := rehearsal.Inside(ctx, r.Loader, src); inside || err != nil {
			return err
		}
	}
	m, err := r.Load(ctx, src)
	if err != nil {
		return err
	}
	var unsaved error
	if r.planOut != "" {
		r.onPlan = func(rep *report.Report) {
			if err := r.savePlan(r.planOut, src, rep); err != nil {
				unsaved, r.Makes = fmt.Errorf("--out %s: %w", r.planOut, err), []string{}
			}
		}
	}
	rep, err := r.PlanOf(ctx, signals, m)
	if r.sandbox && err == nil && rep.Interrupted == 0 {
		err = prove.PrintEffects(ctx, r.Loader, m)
	}
	return errors.Join(err, unsaved)
}

// PlanOf plans a manifest.
func (r *Runner) PlanOf(ctx context.Context, signals *interrupt.Signals, m *load.Manifest) (*report.Report, error) {
	past := r.Past(m)
	if err := signals.Begin(); err != nil {
		return nil, err
	}
	return r.walk(ctx, signals, m, past.Memory, m.Plan, engine.Options{Owed: past.Owed})
}

// Converge brings the node to a manifest, or to what a saved plan says of it.
func (r *Runner) Converge(cmd *cobra.Command, src source.Source) error {
	switch {
	case r.Noop:
		return r.plan(cmd, src)
	case load.IsPlan(src):
		return r.applyPlan(cmd, src.Path)
	}
	ctx, signals := r.Catch(cmd.Context())
	defer signals.End()
	m, err := r.Load(ctx, src)
	if err != nil {
		return err
	}
	return r.Bring(ctx, signals, m, nil)
}

// Bring converges under the lock, on record.
func (r *Runner) Bring(ctx context.Context, signals *interrupt.Signals, m *load.Manifest, approve func(*report.Result) error) error {
	state, err := r.OpenState()
	if err != nil {
		return err
	}
	if err := state.Lock(ctx, time.Duration(r.waitLock)); err != nil {
		return err
	}
	defer func() { r.Warn(state.Close()) }()
	if err := signals.Begin(); err != nil {
		return err
	}
	id, err := state.NextID(time.Now())
	if err != nil {
		return err
	}
	mem := r.Memory(state, m)
	run, warnings, err := state.Begin(id, m.Host.Token(), "", mem.Manifest(), time.Now())
	if err != nil {
		return err
	}
	defer func() { r.Warn(run.Close()) }()
	warnings = append(warnings, run.Sweep(ctx, m.Host)...)
	stranded, err := confirm.Stranded(ctx, state, m.Host)
	r.Warn(err)
	if stranded != "" {
		warnings = append(warnings, stranded)
	}
	if r.confirmWithin > 0 {
		if err := r.arm(ctx, state, m.Host, id); err != nil {
			return err
		}
	}
	r.Note(warnings...)
	for from, into := range mem.Moved(run.Owed) {
		if err := run.Divided(ctx, from, into); err != nil {
			return err
		}
	}
	rep, err := r.walk(ctx, signals, m, mem, m.Converge, engine.Options{Run: id, Recorder: run, Approve: approve})
	if rep == nil {
		return err
	}
	r.Warn(undo.Leave(ctx, run, m.Host, m.Types))
	remembered := make(chan error, 1)
	go func() { remembered <- mem.Save(state, rep) }()
	r.Warn(state.SaveReport(id, rep))
	r.Warn(<-remembered)
	r.Warn(state.Prune(time.Now()))
	return errors.Join(err, r.keepOrConfirm(ctx, state, m.Host, rep))
}
