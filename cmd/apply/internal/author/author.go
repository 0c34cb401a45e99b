// Package author has the commands of who writes manifests. None of them looks at more of the node than its facts and, to validate, which files belong to
// packages and what unit files say.
package author

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/picture"
)

// Commands are validate, graph, fmt and docs.
func Commands(a *cli.App) []*cobra.Command {
	return []*cobra.Command{validateCommand(a), graphCommand(a), fmtCommand(a), docsCommand(a)}
}

func validateCommand(a *cli.App) *cobra.Command {
	l := load.New(a)
	cmd := &cobra.Command{
		Use:   "validate [flags] PATH",
		Short: "Find every mistake of a manifest, and what its resources do against each other",
		Long: `Find every mistake of a manifest at once, and warn of what two resources do to one thing of the node without an order between them, or against each other:
a file in a package's folder without a require, a file in a home without its user, a whole file beside resources that edit a part of it, what is brought
below a path that is removed, a running service that is not told when a file changes which it reads. Each warning names both places and the line that is
missing; warnings leave the exit code at 0.

Nothing is touched. Of the node, its facts are looked at, which files belong to its packages, and its unit files.`,
		Example: "  apply validate main.hcl\n  apply validate --json main.hcl",
		RunE: a.Reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
			m, err := l.Named(ctx, cmd, args)
			if err != nil {
				return err
			}
			found, err := m.Conflicts(ctx)
			if err != nil {
				a.Note(cli.UnknownNode + err.Error())
			}
			n := len(m.Catalog().Entries())
			if a.JSON {
				return errors.Join(a.WriteDiagnostics(append(m.Warnings, found...)), a.PrintJSON(valid{"valid", m.Path, n}))
			}
			a.PrintDiagnostics(found)
			many := "resources"
			if n == 1 {
				many = "resource"
			}
			_, err = fmt.Fprintf(a.Stdout, "%s is valid: %d %s\n", report.Printable(m.Path), n, many)
			return err
		}),
	}
	l.AddFlags(cmd.Flags())
	return cmd
}

// valid is the event that there is no mistake in a manifest.
type valid struct {
	Event     string `json:"event"`
	Manifest  string `json:"manifest"`
	Resources int    `json:"resources"`
}

func graphCommand(a *cli.App) *cobra.Command {
	l := load.New(a)
	var format string
	cmd := &cobra.Command{
		Use:     "graph [flags] PATH",
		Short:   "Print the order among a manifest's resources",
		Example: "  apply graph --format svg main.hcl > graph.svg\n  apply graph main.hcl | dot -Tpng > graph.png\n  apply graph --format mermaid main.hcl",
		RunE: a.Reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
			m, err := l.Named(ctx, cmd, args)
			if err != nil {
				return err
			}
			g := picture.Of(m.Catalog())
			switch {
			case a.JSON && (format == "json" || !cmd.Flags().Changed("format")):
				return a.PrintJSON(g)
			case format == "mermaid":
				return g.Mermaid(a.Stdout)
			case format == "svg":
				return g.SVG(a.Stdout)
			case format == "json":
				return g.JSON(a.Stdout)
			}
			return g.DOT(a.Stdout)
		}),
	}
	flagvalue.Choose(cmd, cmd.Flags(), &format, "format", "`FORMAT` of the drawing: dot, mermaid, svg or json", "dot", "mermaid", "svg", "json")
	l.AddFlags(cmd.Flags())
	return cmd
}
