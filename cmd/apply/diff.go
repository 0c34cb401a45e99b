package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/report/difference"
	"github.com/nodeapply/apply/source"
)

func (a *app) diffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff [flags] REV1 REV2 [PATH]",
		Short: "Say what two revisions of a manifest mean for this node, without touching it",
		Long: `Say what two revisions of a manifest mean for this node, without touching it: both are compiled with this node's facts, and what they
declare is compared. A revision is a tag, a branch or a commit, also HEAD~2. PATH is in a work tree (default: the current folder), or with --git
in that repository.`,
		Example: "  apply diff v1.2 v1.3\n  apply diff HEAD~1 HEAD web/main.hcl\n  apply diff --git https://example.org/site.git v1.2 v1.3",
		Args:    cobra.RangeArgs(2, 3),
		RunE: a.reading(func(_ *cobra.Command, ctx context.Context, args []string) error {
			path := ""
			if len(args) == 3 {
				path = args[2]
			}
			return a.diff(ctx, args[0], args[1], path)
		}),
	}
	a.flags.compile(cmd.Flags())
	cmd.Flags().BoolVar(&a.flags.detailed, "detailed-exitcode", false, "exit 2 if there is a difference")
	return cmd
}

func (a *app) diff(ctx context.Context, from, to, path string) error {
	var sides [2]declared.Side
	var heads [2]*loaded
	for i, revision := range []string{from, to} {
		l, err := a.at(ctx, revision, path)
		if err != nil {
			return fmt.Errorf("revision %s: %w", revision, err)
		}
		heads[i] = l
		sides[i] = declared.Side{Catalog: l.Catalog(), Reader: &declared.Reader{Rewrite: l.checkouts.Contents}}
	}
	d := declared.Compare(sides[0], sides[1])
	if a.flags.detailed && !d.Empty() {
		a.code = exitChanged
	}
	var b strings.Builder
	if a.flags.json {
		err := difference.WriteJSON(&b, difference.Revisions{From: heads[0].origin.Commit, To: heads[1].origin.Commit, Manifest: heads[1].origin.Name}, d)
		if err != nil {
			return err
		}
	}
	if !a.flags.json {
		fmt.Fprintf(&b, "%sdiff %s %s: %s\n", difference.Text(d), from, to, difference.Counts(d))
	}
	_, err := io.WriteString(a.stdout, a.flags.scrub.Scrub(b.String()))
	return err
}

// at compiles a revision of the manifest at path: in the repository of --git, else in the one that path is in.
func (a *app) at(ctx context.Context, revision, path string) (*loaded, error) {
	if a.flags.git == "" {
		return a.loadRevision(ctx, path, revision)
	}
	if a.flags.ref != "" {
		return nil, errors.New("--ref: the revisions are given as REV1 and REV2")
	}
	src, err := a.repositoryAt(revision, path)
	if err != nil {
		return nil, err
	}
	return a.load(ctx, src)
}

// loadRevision compiles a revision of a manifest in a work tree, which stays as it is.
func (a *app) loadRevision(ctx context.Context, path, revision string) (*loaded, error) {
	if path == "" {
		path = "."
	}
	c := a.checkouts()
	o, err := c.Revision(ctx, path, revision)
	if err != nil {
		return nil, err
	}
	return a.compile(ctx, c, o)
}

// repositoryAt names a path in the repository of --git at a revision.
func (a *app) repositoryAt(revision, path string) (source.Source, error) {
	url, err := repositoryURL(a.flags.git)
	if err != nil {
		return source.Source{}, err
	}
	return source.New(url, revision, path)
}
