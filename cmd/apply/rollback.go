package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/retreat"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/source"
)

func (a *app) rollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback [flags] [TAG]",
		Short: "Go back to the last revision that converged here without failure",
		Long: `Go back to the last revision that converged here without failure, or to the one given: the manifest of the last run is taken
from its repository as it was then, and applied. A work tree stays as it is. What that cannot take back is said first.`,
		Example: "  apply rollback --noop\n  apply rollback\n  apply rollback v1.2",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tag := ""
			if len(args) == 1 {
				tag = args[0]
			}
			return a.rollback(cmd, tag)
		},
	}
	a.flags.values(cmd.Flags())
	a.flags.run(cmd.Flags())
	a.flags.change(cmd.Flags())
	cmd.Flags().StringVar(&a.flags.signers, "require-signature", "", "refuse a revision that none of the signers in this `file` has signed: allowed SSH signers, or an OpenPGP keyring")
	return cmd
}

func (a *app) rollback(cmd *cobra.Command, tag string) error {
	ctx, signals := a.catch(cmd.Context())
	defer signals.end()
	state, err := a.openState()
	if err != nil {
		return err
	}
	back, err := retreat.Find(state, tag)
	if err != nil {
		return err
	}
	m, err := a.loadBack(ctx, back)
	if err != nil {
		return err
	}
	back.Reach(m.origin.Commit)
	if err := a.tellRollback(state, back, m); err != nil {
		return err
	}
	if a.flags.noop {
		_, err := a.planOf(ctx, signals, m)
		return err
	}
	return a.bring(ctx, signals, m, nil)
}

func (a *app) loadBack(ctx context.Context, b *retreat.Way) (*loaded, error) {
	src, err := source.Parse(b.From.Source)
	if err != nil {
		return nil, err
	}
	if !src.Git() {
		return a.loadRevision(ctx, src.Path, b.Revision())
	}
	src.Ref = b.Revision()
	if a.flags.signers != "" && b.Tag == "" && b.To.Ref != "" {
		src.Ref = b.To.Ref // the tag is what was signed
	}
	m, err := a.load(ctx, src)
	if err == nil && b.Tag == "" && m.origin.Commit != b.To.Commit {
		return nil, fmt.Errorf("%s %w: run %s converged to commit %s, it is now %s", src, source.ErrMoved, b.To.Run, b.To.Commit, m.origin.Commit)
	}
	return m, err
}

// tellRollback says where it goes, and what stays.
func (a *app) tellRollback(state *journal.State, b *retreat.Way, m *loaded) error {
	mem := a.remember(state, m)
	stays, orphans := b.Irreversible(), mem.Orphans()
	if a.flags.json {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			Event        string            `json:"event"`
			From         string            `json:"from"`
			To           string            `json:"to"`
			Ref          string            `json:"ref,omitempty"`
			Irreversible []retreat.Lasting `json:"irreversible,omitempty"`
			Orphans      []report.Orphan   `json:"orphans,omitempty"`
		}{"rollback", b.From.Commit, m.origin.Commit, b.Tag, stays, orphans})
	}
	when := ""
	if b.To != nil {
		when = ", which ran here at " + b.To.Started.Local().Format(time.DateTime)
	}
	fmt.Fprintf(a.stdout, "rollback of %s from %.12s to %.12s%s\n", report.Printable(b.From.Source), b.From.Commit, m.origin.Commit, when)
	for _, l := range stays {
		fmt.Fprintf(a.stdout, "cannot be taken back: %s (%s), run %s of %.12s\n", report.Printable(l.Address.String()), report.Printable(l.Pos), l.Run, l.Commit)
	}
	for _, o := range orphans {
		fmt.Fprintf(a.stdout, "stays: %s, which that revision does not declare\n", report.Printable(o.Address.String()))
	}
	return nil
}
