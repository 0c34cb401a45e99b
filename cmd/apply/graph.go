package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/report/picture"
)

func (a *app) graphCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "graph [flags] PATH",
		Short:   "Print the order among a manifest's resources",
		Example: "  apply graph --format svg main.hcl > graph.svg\n  apply graph main.hcl | dot -Tpng > graph.png\n  apply graph --format mermaid main.hcl",
		RunE: a.reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
			src, err := a.source(cmd, args)
			if err != nil {
				return err
			}
			m, err := a.load(ctx, src)
			if err != nil {
				return err
			}
			g := picture.Of(m.Catalog())
			switch format {
			case "dot":
				return g.DOT(a.stdout)
			case "mermaid":
				return g.Mermaid(a.stdout)
			case "svg":
				return g.SVG(a.stdout)
			case "json":
				return g.JSON(a.stdout)
			}
			return usageError(cmd, fmt.Errorf("--format %s: want dot, mermaid, svg or json", format))
		}),
	}
	cmd.Flags().StringVar(&format, "format", "dot", "dot, mermaid, svg or json")
	a.flags.compile(cmd.Flags())
	return cmd
}
