// Package picture prints the order among a catalog's resources: for Graphviz, for mermaid, as a drawing and as JSON.
package picture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/nodeapply/apply/catalog"
)

// Picture is a catalog's graph as it is printed: resources, and barriers that stand for sets of them.
type Picture struct {
	nodes []node
	edges []edge
}

type node struct {
	Address string `json:"address,omitempty"`
	Pos     string `json:"pos,omitempty"`
	Barrier bool   `json:"barrier,omitempty"`
}

type edge struct {
	From   int  `json:"from"`
	To     int  `json:"to"`
	Notify bool `json:"notify,omitempty"`
}

// Of makes the picture of a catalog.
func Of(c *catalog.Catalog) Picture {
	p := Picture{nodes: []node{}, edges: []edge{}}
	for v := range c.Graph().Len() {
		n := node{Barrier: true}
		if v < len(c.Entries()) {
			e := c.Entries()[v]
			n = node{Address: e.Addr.String(), Pos: e.Pos.String()}
		}
		p.nodes = append(p.nodes, n)
		for _, e := range c.Graph().Succ(v) {
			p.edges = append(p.edges, edge{v, e.To, e.Notify})
		}
	}
	return p
}

// DOT writes the picture so.
func (p Picture) DOT(w io.Writer) error {
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

// Mermaid writes the picture so.
func (p Picture) Mermaid(w io.Writer) error {
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

// JSON writes the picture so, for people to read too.
func (p Picture) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(p)
}

// MarshalJSON gives nodes, and edges between them by their indices.
func (p Picture) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(map[string]any{"nodes": p.nodes, "edges": p.edges})
	return b.Bytes(), err
}
