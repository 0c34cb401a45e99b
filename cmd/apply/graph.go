package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog"
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
			g := pictureOf(m.Catalog())
			switch format {
			case "dot":
				return g.dot(a.stdout)
			case "mermaid":
				return g.mermaid(a.stdout)
			case "svg":
				return g.svg(a.stdout)
			case "json":
				return g.json(a.stdout)
			}
			return usageError(cmd, fmt.Errorf("--format %s: want dot, mermaid, svg or json", format))
		}),
	}
	cmd.Flags().StringVar(&format, "format", "dot", "dot, mermaid, svg or json")
	a.flags.compile(cmd.Flags())
	return cmd
}

// picture is a catalog's graph as it is printed: resources, and barriers that stand for sets of them.
type picture struct {
	nodes []pictureNode
	edges []pictureEdge
}

type pictureNode struct {
	Address string `json:"address,omitempty"`
	Pos     string `json:"pos,omitempty"`
	Barrier bool   `json:"barrier,omitempty"`
}

type pictureEdge struct {
	From   int  `json:"from"`
	To     int  `json:"to"`
	Notify bool `json:"notify,omitempty"`
}

func pictureOf(c *catalog.Catalog) picture {
	p := picture{nodes: []pictureNode{}, edges: []pictureEdge{}}
	for v := range c.Graph().Len() {
		n := pictureNode{Barrier: true}
		if v < len(c.Entries()) {
			e := c.Entries()[v]
			n = pictureNode{Address: e.Addr.String(), Pos: e.Pos.String()}
		}
		p.nodes = append(p.nodes, n)
		for _, e := range c.Graph().Succ(v) {
			p.edges = append(p.edges, pictureEdge{v, e.To, e.Notify})
		}
	}
	return p
}

func (p picture) dot(w io.Writer) error {
	var b strings.Builder
	b.WriteString("digraph apply {\n\trankdir = LR\n\tnode [shape = box]\n")
	for i, n := range p.nodes {
		if n.Barrier {
			fmt.Fprintf(&b, "\tn%d [shape = point]\n", i)
			continue
		}
		fmt.Fprintf(&b, "\tn%d [label = %s, tooltip = %s]\n", i, dotQuote(n.Address), dotQuote(n.Pos))
	}
	for _, e := range p.edges {
		style := ""
		if e.Notify {
			style = " [style = dashed]"
		}
		fmt.Fprintf(&b, "\tn%d -> n%d%s\n", e.From, e.To, style)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// dotQuote writes a string of the dot language.
func dotQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// mermaidText writes a label of mermaid's language, which reads HTML in it.
var mermaidText = strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "\n", " ")

func (p picture) mermaid(w io.Writer) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range p.nodes {
		if n.Barrier {
			fmt.Fprintf(&b, "\tn%d(( ))\n", i)
			continue
		}
		fmt.Fprintf(&b, "\tn%d[\"%s\"]\n", i, mermaidText.Replace(n.Address))
	}
	for _, e := range p.edges {
		arrow := "-->"
		if e.Notify {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "\tn%d %s n%d\n", e.From, arrow, e.To)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p picture) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(map[string]any{"nodes": p.nodes, "edges": p.edges})
}
