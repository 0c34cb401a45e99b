package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/report"
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
		sides[i] = declared.Side{Catalog: l.Catalog(), Reader: &declared.Reader{Rewrite: l.contents}}
	}
	d := declared.Compare(sides[0], sides[1])
	if a.flags.detailed && !d.Empty() {
		a.code = exitChanged
	}
	if a.flags.json {
		return a.diffJSON(heads, d)
	}
	var b strings.Builder
	diffText(&b, d)
	fmt.Fprintf(&b, "diff %s %s: %s\n", from, to, counts(d))
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
	l := a.loading()
	t, err := l.checkouts.revision(ctx, path, revision)
	if err != nil {
		return nil, err
	}
	if err := l.checkedOutLocally(path, t); err != nil {
		return nil, err
	}
	return l, a.compile(ctx, l)
}

// Lines of JSON.
type (
	oneSided struct {
		Event string `json:"event"`
		declared.Declared
	}
	changedEvent struct {
		Event string `json:"event"`
		declared.Changed
	}
	edgeEvent struct {
		Event string `json:"event"`
		declared.Edge
	}
	revisionsEvent struct {
		Event    string `json:"event"`
		From     string `json:"from"` // commits
		To       string `json:"to"`
		Manifest string `json:"manifest"`
	}
	differenceEvent struct {
		Event        string `json:"event"`
		Added        int    `json:"added"`
		Removed      int    `json:"removed"`
		Changed      int    `json:"changed"`
		EdgesAdded   int    `json:"edges_added"`
		EdgesRemoved int    `json:"edges_removed"`
	}
)

func (a *app) diffJSON(heads [2]*loaded, d *declared.Difference) error {
	lines := []any{revisionsEvent{"diff", heads[0].commit, heads[1].commit, heads[1].name}}
	for _, r := range d.Removed {
		lines = append(lines, oneSided{"removed", r})
	}
	for _, r := range d.Added {
		lines = append(lines, oneSided{"added", r})
	}
	for _, c := range d.Changed {
		lines = append(lines, changedEvent{"changed", c})
	}
	for _, e := range d.EdgesRemoved {
		lines = append(lines, edgeEvent{"edge_removed", e})
	}
	for _, e := range d.EdgesAdded {
		lines = append(lines, edgeEvent{"edge_added", e})
	}
	lines = append(lines, differenceEvent{"summary", len(d.Added), len(d.Removed), len(d.Changed), len(d.EdgesAdded), len(d.EdgesRemoved)})
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	_, err := io.WriteString(a.stdout, a.flags.scrub.Scrub(b.String()))
	return err
}

// diffText writes a difference for people.
func diffText(b *strings.Builder, d *declared.Difference) {
	for _, one := range []struct {
		sign string
		list []declared.Declared
	}{{"-", d.Removed}, {"+", d.Added}} {
		for _, r := range one.list {
			fmt.Fprintf(b, "%s %s (%s)\n", one.sign, report.Printable(r.Address.String()), report.Printable(r.Pos))
			for _, v := range r.Attributes {
				fmt.Fprintf(b, "    %s: %s\n", v.Attribute, report.Printable(v.Value))
			}
		}
	}
	for _, c := range d.Changed {
		fmt.Fprintf(b, "~ %s (%s -> %s)\n", report.Printable(c.Address.String()), report.Printable(c.Before), report.Printable(c.After))
		for _, ch := range c.Changes {
			attrText(b, ch)
		}
	}
	for _, one := range []struct {
		sign string
		list []declared.Edge
	}{{"-", d.EdgesRemoved}, {"+", d.EdgesAdded}} {
		for _, e := range one.list {
			word := "before"
			if e.Notify {
				word = "notifies"
			}
			fmt.Fprintf(b, "%s %s %s %s (%s)\n", one.sign, report.Printable(e.From.String()), word, report.Printable(e.To.String()), report.Printable(e.Pos))
		}
	}
}

func attrText(b *strings.Builder, c declared.AttrChange) {
	places := fmt.Sprintf("(%s -> %s)", report.Printable(c.BeforePos), report.Printable(c.AfterPos))
	if c.Diff == "" {
		fmt.Fprintf(b, "    %s: %s -> %s %s\n", c.Attribute, orNone(c.Before), orNone(c.After), places)
		return
	}
	fmt.Fprintf(b, "    %s: %s\n", c.Attribute, places)
	for line := range strings.Lines(c.Diff) {
		fmt.Fprintf(b, "        %s\n", report.Printable(strings.TrimSuffix(line, "\n")))
	}
}

func orNone(text string) string {
	if text == "" {
		return "(none)"
	}
	return report.Printable(text)
}

func counts(d *declared.Difference) string {
	if d.Empty() {
		return "the same for this node"
	}
	return fmt.Sprintf("%d added, %d removed, %d changed; relations: %d added, %d removed",
		len(d.Added), len(d.Removed), len(d.Changed), len(d.EdgesAdded), len(d.EdgesRemoved))
}

// repositoryAt names a path in the repository of --git at a revision.
func (a *app) repositoryAt(revision, path string) (source.Source, error) {
	url, err := repositoryURL(a.flags.git)
	if err != nil {
		return source.Source{}, err
	}
	return source.New(url, revision, path)
}
