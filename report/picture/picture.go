// Package picture prints the order among a catalog's resources: for Graphviz, for mermaid, as a drawing and as JSON.
package picture

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
)

// Picture is a catalog's graph as it is printed: resources, and barriers that stand for sets of them.
type Picture struct {
	Edges []report.Edge `json:"edges"` // between nodes, by their indices
	Nodes []Node        `json:"nodes"`
}

// Node is a resource or a barrier.
type Node struct {
	Address string `json:"address,omitempty"`
	Pos     string `json:"pos,omitempty"`
	Barrier bool   `json:"barrier,omitempty"`
}

// Of makes the picture of a catalog.
func Of(c *catalog.Catalog) Picture {
	p := Picture{Nodes: []Node{}, Edges: []report.Edge{}}
	for v := range c.Graph().Len() {
		n := Node{Barrier: true}
		if v < len(c.Entries()) {
			e := c.Entries()[v]
			n = Node{Address: e.Addr.String(), Pos: e.Pos.String()}
		}
		p.Nodes = append(p.Nodes, n)
		for _, e := range c.Graph().Succ(v) {
			p.Edges = append(p.Edges, report.Edge{From: v, To: e.To, Notify: e.Notify})
		}
	}
	return p
}

// DOT writes the picture so.
func (p Picture) DOT(w io.Writer) error {
	var b strings.Builder
	b.WriteString("digraph apply {\n\trankdir = LR\n\tnode [shape = box]\n")
	for i, n := range p.Nodes {
		if n.Barrier {
			fmt.Fprintf(&b, "\tn%d [shape = point]\n", i)
			continue
		}
		fmt.Fprintf(&b, "\tn%d [label = %s, tooltip = %s]\n", i, dotQuote(n.Address), dotQuote(n.Pos))
	}
	for _, e := range p.Edges {
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

// Mermaid writes the picture so.
func (p Picture) Mermaid(w io.Writer) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range p.Nodes {
		if n.Barrier {
			fmt.Fprintf(&b, "\tn%d(( ))\n", i)
			continue
		}
		fmt.Fprintf(&b, "\tn%d[\"%s\"]\n", i, mermaidText.Replace(n.Address))
	}
	for _, e := range p.Edges {
		arrow := "-->"
		if e.Notify {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "\tn%d %s n%d\n", e.From, arrow, e.To)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes the picture so, for people to read too.
func (p Picture) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(p)
}
