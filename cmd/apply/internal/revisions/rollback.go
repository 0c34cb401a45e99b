package revisions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/converge"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/rollback"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/source"
)

func rollbackCommand(a *cli.App) *cobra.Command {
	r := converge.New(a)
	cmd := &cobra.Command{
		Use:   "rollback [flags] [TAG]",
		Short: "Go back to the last revision that converged here without failure",
		Long: `Go back to the last revision that converged here without failure, or to the one given: the manifest of the last run is taken
from its repository as it was then, and applied. Once more, it goes one further back. A work tree stays as it is. What that
cannot take back is said first.`,
		Example: "  apply rollback --noop\n  apply rollback\n  apply rollback v1.2",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "" {
				return usage.Error(cmd, errors.New("the TAG is empty"))
			}
			return rollBack(cmd, r, args)
		},
	}
	r.AddValues(cmd.Flags())
	r.AddRun(cmd)
	r.AddChange(cmd.Flags())
	r.AddSigners(cmd.Flags())
	return cmd
}

func rollBack(cmd *cobra.Command, r *converge.Runner, args []string) error {
	tag := ""
	if len(args) == 1 {
		tag = args[0]
	}
	ctx, signals := r.Catch(cmd.Context())
	defer signals.End()
	state, err := r.OpenState()
	if err != nil {
		return err
	}
	back, err := rollback.Find(state, tag)
	if err != nil {
		return err
	}
	m, err := loadBack(ctx, r, back)
	if err != nil {
		return err
	}
	back.Reach(m.Origin.Commit)
	if err := tell(r, state, back, m); err != nil {
		return err
	}
	if r.Noop {
		r.Makes = append([]string{"apply", "rollback"}, args...)
		_, err := r.PlanOf(ctx, signals, m)
		return err
	}
	return r.Bring(ctx, signals, m, nil)
}

// loadBack compiles the revision.
func loadBack(ctx context.Context, r *converge.Runner, b *rollback.Way) (*load.Manifest, error) {
	src, err := source.Parse(b.From.Source)
	if err != nil {
		return nil, err
	}
	if !src.Git() {
		return r.Revision(ctx, src.Path, b.Revision())
	}
	src.Ref = b.Revision()
	if r.Signers != "" && b.Tag == "" && b.To.Ref != "" {
		src.Ref = b.To.Ref // the tag is what was signed
	}
	m, err := r.Load(ctx, src)
	if err == nil && b.Tag == "" && m.Origin.Commit != b.To.Commit {
		return nil, fmt.Errorf("%s is %w: it %w: run %s converged to commit %s, it is now %s", src, source.ErrUntrusted, source.ErrMoved, b.To.Run, b.To.Commit, m.Origin.Commit)
	}
	return m, err
}

// tell says where it goes, and what stays.
func tell(r *converge.Runner, state *journal.State, b *rollback.Way, m *load.Manifest) error {
	mem := r.Memory(state, m)
	stays, orphans := b.Irreversible(), mem.Orphans()
	if r.JSON {
		return r.PrintJSON(struct {
			Event        string             `json:"event"`
			From         string             `json:"from"`
			To           string             `json:"to"`
			Ref          string             `json:"ref,omitempty"`
			Irreversible []rollback.Lasting `json:"irreversible,omitempty"`
			Orphans      []report.Orphan    `json:"orphans,omitempty"`
		}{"rollback", b.From.Commit, m.Origin.Commit, b.Tag, stays, orphans})
	}
	when := ""
	if b.To != nil {
		when = ", which ran here at " + b.To.Started.Local().Format(time.DateTime)
	}
	fmt.Fprintf(r.Stdout, "rollback of %s from %.12s to %.12s%s\n", report.Printable(b.From.Source), b.From.Commit, m.Origin.Commit, when)
	for _, l := range stays {
		fmt.Fprintf(r.Stdout, "cannot be taken back: %s (%s), run %s of %.12s\n", report.Printable(l.Address.String()), report.Printable(l.Pos), l.Run, l.Commit)
	}
	for _, o := range orphans {
		fmt.Fprintf(r.Stdout, "stays: %s, which that revision does not declare\n", report.Printable(o.Address.String()))
	}
	return nil
}
