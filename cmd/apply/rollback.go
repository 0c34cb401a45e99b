package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
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
	back, err := lookBack(state, tag)
	if err != nil {
		return err
	}
	m, err := a.loadBack(ctx, back)
	if err != nil {
		return err
	}
	back.reach(m.origin.Commit)
	if err := a.tellRollback(state, back, m); err != nil {
		return err
	}
	if a.flags.noop {
		_, err := a.planOf(ctx, signals, m)
		return err
	}
	return a.bring(ctx, signals, m, nil)
}

// retreat is where a rollback leads, and from where.
type retreat struct {
	from    *report.Report
	to      *report.Report // the run to whose revision it leads; nil: none is on record
	tag     string
	between []*report.Report // runs since the last one of that revision, the newest first
}

// lookBack reads from the reports which revision is meant.
func lookBack(state *journal.State, tag string) (*retreat, error) {
	ids, err := state.Reports()
	if err != nil {
		return nil, err
	}
	back := &retreat{tag: tag}
	for _, id := range ids {
		var r report.Report
		if err := state.Report(id, &r); err != nil || r.Source == "" || r.Commit == "" {
			continue // damaged, an undo, or of no repository
		}
		if back.from == nil {
			back.from = &r
		}
		if r.Source != back.from.Source {
			continue
		}
		if tag == "" && back.meant(&r) {
			back.to = &r
			return back, nil
		}
		back.between = append(back.between, &r)
	}
	switch {
	case back.from == nil:
		return nil, errors.New("no run of a manifest from git is on record")
	case tag == "":
		return nil, fmt.Errorf("no revision of %s other than %.12s converged here without failure; apply rollback TAG goes to one", back.from.Source, back.from.Commit)
	}
	return back, nil
}

// meant says whether a run is one to go back to.
func (b *retreat) meant(r *report.Report) bool {
	whole := r.Outcome() != report.Failed && r.Interrupted == 0 && !r.Dirty && !r.Partial
	return whole && r.Commit != b.from.Commit
}

// reach ends the runs in between at the last one of a commit.
func (b *retreat) reach(commit string) {
	i := slices.IndexFunc(b.between, func(r *report.Report) bool { return r.Commit == commit && !r.Dirty })
	if b.to == nil && i >= 0 {
		b.to, b.between = b.between[i], b.between[:i]
	}
}

// revision is what to check out: the commit that was there, or the tag as it is now.
func (b *retreat) revision() string {
	if b.tag != "" {
		return b.tag
	}
	return b.to.Commit
}

func (a *app) loadBack(ctx context.Context, b *retreat) (*loaded, error) {
	src, err := source.Parse(b.from.Source)
	if err != nil {
		return nil, err
	}
	if !src.Git() {
		return a.loadRevision(ctx, src.Path, b.revision())
	}
	src.Ref = b.revision()
	if a.flags.signers != "" && b.tag == "" && b.to.Ref != "" {
		src.Ref = b.to.Ref // the tag is what was signed
	}
	m, err := a.load(ctx, src)
	if err == nil && b.tag == "" && m.origin.Commit != b.to.Commit {
		return nil, fmt.Errorf("%s %w: run %s converged to commit %s, it is now %s", src, source.ErrMoved, b.to.Run, b.to.Commit, m.origin.Commit)
	}
	return m, err
}

// lasting is a change that a rollback cannot take back.
type lasting struct {
	Address resources.Address `json:"address"`
	Pos     string            `json:"pos"`
	Run     string            `json:"run"`
	Commit  string            `json:"commit"`
}

// irreversible lists what the runs in between did that no other manifest undoes.
func (b *retreat) irreversible() []lasting {
	var out []lasting
	for _, r := range b.between {
		for _, res := range r.Results {
			known := slices.ContainsFunc(out, func(l lasting) bool { return l.Address == res.Address })
			if res.Outcome == report.Changed && !res.Reversible && !known {
				out = append(out, lasting{res.Address, res.Pos, r.Run, r.Commit})
			}
		}
	}
	return out
}

// tellRollback says where it goes, and what stays.
func (a *app) tellRollback(state *journal.State, b *retreat, m *loaded) error {
	mem := a.remember(state, m)
	stays, orphans := b.irreversible(), mem.Orphans()
	if a.flags.json {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			Event        string          `json:"event"`
			From         string          `json:"from"`
			To           string          `json:"to"`
			Ref          string          `json:"ref,omitempty"`
			Irreversible []lasting       `json:"irreversible,omitempty"`
			Orphans      []report.Orphan `json:"orphans,omitempty"`
		}{"rollback", b.from.Commit, m.origin.Commit, b.tag, stays, orphans})
	}
	when := ""
	if b.to != nil {
		when = ", which ran here at " + b.to.Started.Local().Format(time.DateTime)
	}
	fmt.Fprintf(a.stdout, "rollback of %s from %.12s to %.12s%s\n", report.Printable(b.from.Source), b.from.Commit, m.origin.Commit, when)
	for _, l := range stays {
		fmt.Fprintf(a.stdout, "cannot be taken back: %s (%s), run %s of %.12s\n", report.Printable(l.Address.String()), report.Printable(l.Pos), l.Run, l.Commit)
	}
	for _, o := range orphans {
		fmt.Fprintf(a.stdout, "stays: %s, which that revision does not declare\n", report.Printable(o.Address.String()))
	}
	return nil
}
