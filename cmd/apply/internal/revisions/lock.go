// Package revisions has the commands about the revisions of a repository: lock pins those of modules, diff compares two of a manifest, rollback goes back
// to one.
package revisions

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/outfile"
	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources/all"
	"github.com/nodeapply/apply/source"
)

// Commands are lock, diff and rollback.
func Commands(a *cli.App) []*cobra.Command {
	return []*cobra.Command{lockCommand(a), diffCommand(a), rollbackCommand(a)}
}

func lockCommand(a *cli.App) *cobra.Command {
	l := load.New(a)
	cmd := &cobra.Command{
		Use:   "lock [flags] PATH",
		Short: "Pin the modules that come from git to their present commits",
		Long: `Pin the modules that come from git to the commit and tree that their sources name now.

The pins are in apply.lock.hcl beside the manifest. What is in a repository other than it was pinned is then refused, exit code 5. A PATH that is in
git itself is pinned in the state folder of this node, with those modules for which its repository holds no lock.`,
		Example: "  apply lock main.hcl\n  apply lock --git https://example.org/site.git --ref v1.2",
		RunE: a.Reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
			src, err := l.Source(cmd, args)
			if err != nil {
				return err
			}
			return lock(ctx, l, src)
		}),
	}
	l.AddRepository(cmd.Flags())
	return cmd
}

// lockEvent is a module that was pinned.
type lockEvent struct {
	Event  string `json:"event"`
	Module string `json:"module"` // its source
	Commit string `json:"commit"`
	Was    string `json:"was,omitempty"` // the commit that it was pinned to before
}

// lock pins, and says what.
func lock(ctx context.Context, l *load.Loader, src source.Source) error {
	pinned, err := l.Checkouts(origin.Options{Pinning: true}).Lock(ctx, src, all.Linked(nil))
	if err != nil {
		return err
	}
	for _, p := range pinned.Now {
		if l.JSON {
			e := lockEvent{Event: "lock", Module: p.Key, Commit: p.Pin.Commit}
			if p.Was != nil {
				e.Was = p.Was.Commit
			}
			if err := l.PrintJSON(e); err != nil {
				return err
			}
			continue
		}
		word := "pinned"
		switch {
		case p.Was != nil && *p.Was == p.Pin:
			word = "unchanged"
		case p.Was != nil:
			word = "moved from " + p.Was.Commit
		}
		fmt.Fprintf(l.Stdout, "%s: %s: %s\n", report.Printable(p.Key), p.Pin.Commit, word)
	}
	if len(pinned.Pins) == 0 && len(pinned.Was) == 0 {
		if l.JSON {
			return nil
		}
		_, err := fmt.Fprintf(l.Stdout, "%s: no modules from git\n", report.Printable(src.String()))
		return err
	}
	return outfile.WriteBytes(pinned.File, 0o644, pinned.Pins.Format())
}
