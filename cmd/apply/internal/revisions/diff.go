package revisions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/report/difference"
	"github.com/nodeapply/apply/source"
)

func diffCommand(a *cli.App) *cobra.Command {
	l := load.New(a)
	detailed := false
	cmd := &cobra.Command{
		Use:   "diff [flags] REV1 REV2 [PATH]",
		Short: "Say what two revisions of a manifest mean for this node, without touching it",
		Long: `Say what two revisions of a manifest mean for this node, without touching it: both are compiled with this node's facts, and what they
declare is compared. A revision is a tag, a branch or a commit, also HEAD~2. PATH is in a work tree (default: the current folder), or with --git
in that repository.`,
		Example: "  apply diff v1.2 v1.3\n  apply diff HEAD~1 HEAD web/main.hcl\n  apply diff --git https://example.org/site.git v1.2 v1.3",
		Args:    cobra.RangeArgs(2, 3),
		RunE: a.Reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
			path := ""
			if len(args) == 3 {
				path = args[2]
			}
			if args[0] == "" || args[1] == "" {
				return usage.Error(cmd, errors.New("a revision is empty"))
			}
			d, err := diff(ctx, l, args[0], args[1], path)
			if err == nil && detailed && !d.Empty() {
				a.Code = cli.Changed
			}
			return err
		}),
	}
	l.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 if there is a difference")
	return cmd
}

// diff prints the difference of two revisions.
func diff(ctx context.Context, l *load.Loader, from, to, path string) (*declared.Difference, error) {
	var sides [2]declared.Side
	var heads [2]*load.Manifest
	for i, revision := range []string{from, to} {
		m, err := at(ctx, l, revision, path)
		if err != nil {
			return nil, fmt.Errorf("revision %s: %w", revision, err)
		}
		heads[i] = m
		sides[i] = declared.Side{Catalog: m.Catalog(), Reader: &declared.Reader{Rewrite: m.Checkouts.Contents}}
	}
	d := declared.Compare(sides[0], sides[1])
	var b strings.Builder
	if l.JSON {
		err := difference.WriteJSON(&b, difference.Revisions{From: heads[0].Origin.Commit, To: heads[1].Origin.Commit, Manifest: heads[1].Origin.Name}, d)
		if err != nil {
			return d, err
		}
	} else {
		fmt.Fprintf(&b, "%sdiff %s %s: %s\n", difference.Text(d), from, to, difference.Counts(d))
	}
	_, err := io.WriteString(l.Stdout, l.Scrub.Scrub(b.String()))
	return d, err
}

// at compiles a revision of the manifest at path: in the repository of --git, else in the one that path is in.
func at(ctx context.Context, l *load.Loader, revision, path string) (*load.Manifest, error) {
	if l.Git == "" {
		return l.Revision(ctx, path, revision)
	}
	if l.Ref != "" {
		return nil, errors.New("--ref: the revisions are given as REV1 and REV2")
	}
	url, err := load.RepositoryURL(l.Git)
	if err != nil {
		return nil, err
	}
	src, err := source.New(url, revision, path)
	if err != nil {
		return nil, err
	}
	return l.Load(ctx, src)
}
