package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/modules"
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
	l := a.loading()
	c := l.checkouts
	path, file := src.Path, ""
	if src.Git() {
		c.pinning = true
		if err := l.fetch(ctx, src); err != nil {
			return err
		}
		state, err := c.state()
		if err != nil {
			return err
		}
		path, file = l.path, filepath.Join(state, source.LockFile)
	} else {
		if err := l.local(ctx, path); err != nil {
			return err
		}
		file = lockFile(path)
	}
	c.pinning = true
	builtin := &modules.Finder{Next: c.module}
	diags := manifest.Link(ctx, path, manifest.Options{Types: all.Linked(nil), Modules: builtin.Find, Shown: l.shown, Within: l.within})
	if err := builtin.Close(); err != nil {
		return err
	}
	if c.refused != nil {
		return c.refused
	}
	if diags.HasErrors() {
		return diags
	}
	return a.writeLock(file, src, c)
}

// writeLock writes the pins of what was checked out, and says what they are. The lock of the state folder keeps those of other manifests.
func (a *app) writeLock(file string, src source.Source, c *checkouts) error {
	old, _, err := readPins(file)
	if err != nil {
		return err
	}
	lock := source.Lock{}
	var theirs source.Lock // pinned in the manifest's own repository
	if src.Git() {
		maps.Copy(lock, old.lock)
		if c.locked {
			theirs = c.pins[0].lock
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.trees)) {
		if _, has := theirs[key]; has || !isSource(key) {
			continue
		}
		t := c.trees[key]
		pin := source.Pin{Commit: t.Commit, Tree: t.TreeHash}
		word := "pinned"
		switch was, had := old.lock[key]; {
		case had && was == pin:
			word = "unchanged"
		case had:
			word = fmt.Sprintf("moved from %s", was.Commit)
		}
		lock[key] = pin
		fmt.Fprintf(a.stdout, "%s: %s: %s\n", report.Printable(key), pin.Commit, word)
	}
	if len(lock) == 0 && len(old.lock) == 0 {
		_, err := fmt.Fprintf(a.stdout, "%s: no modules from git\n", report.Printable(src.String()))
		return err
	}
	return replaceFile(file, lock.Format(), 0o644)
}

// isSource tells the keys of sources from those of revisions of a work tree.
func isSource(key string) bool {
	src, err := source.Parse(key)
	return err == nil && src.Git()
}
