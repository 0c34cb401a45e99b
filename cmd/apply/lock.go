package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources/all"
	"github.com/nodeapply/apply/source"
)

func (a *app) lockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lock [flags] PATH",
		Short: "Pin the modules that come from git to what they are now",
		Long: `Pin the modules that come from git to the commit and tree that their sources name now.

The pins are in apply.lock.hcl beside the manifest. What is in a repository other than it was pinned is then refused, exit code 5. A PATH that is in
git itself is pinned in the state folder of this node, with those modules for which its repository holds no lock.`,
		Example: "  apply lock main.hcl\n  apply lock --git https://example.org/site.git --ref v1.2",
		RunE: a.reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
			src, err := a.source(cmd, args)
			if err != nil {
				return err
			}
			return a.lock(ctx, src)
		}),
	}
	a.flags.repository(cmd.Flags())
	return cmd
}

func (a *app) lock(ctx context.Context, src source.Source) error {
	l, err := a.checkoutsOf(origin.Options{Pinning: true}).Lock(ctx, src, all.Linked(nil))
	if err != nil {
		return err
	}
	for _, p := range l.Now {
		word := "pinned"
		switch {
		case p.Was != nil && *p.Was == p.Pin:
			word = "unchanged"
		case p.Was != nil:
			word = "moved from " + p.Was.Commit
		}
		fmt.Fprintf(a.stdout, "%s: %s: %s\n", report.Printable(p.Key), p.Pin.Commit, word)
	}
	if len(l.Pins) == 0 && len(l.Was) == 0 {
		_, err := fmt.Fprintf(a.stdout, "%s: no modules from git\n", report.Printable(src.String()))
		return err
	}
	return replaceFile(l.File, l.Pins.Format(), 0o644)
}
