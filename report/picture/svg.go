package picture

import (
	"bufio"
	"fmt"
	"html"
	"io"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/layout"
	"github.com/nodeapply/apply/report/screen"
)

// Sizes in a drawing, in pixels. A letter is as wide as in the usual monospaced fonts at this size.
const (
	svgLetter  = 7.3
	svgBox     = 28.0 // how high a box is
	svgRow     = 42.0
	svgBetween = 56.0 // room between columns, for the edges
	svgBeside  = 9.0  // room between columns without edges
	svgMargin  = 16.0
	svgLabel   = 44 // columns of text; more are shortened
)

// SVG draws the picture.
func (p Picture) SVG(out io.Writer) error {
	longest := 8
	for _, n := range p.Nodes {
		longest = max(longest, min(screen.Columns(report.Printable(n.Address)), svgLabel))
	}
	box := float64(longest)*svgLetter + 18
	pitch := max(box+svgBetween, (box+svgBeside)/layout.WithinLayer)
	edges := make([]layout.Edge, len(p.Edges))
	for i, e := range p.Edges {
		edges[i] = layout.Edge{From: e.From, To: e.To}
	}
	l := layout.Layered(len(p.Nodes), edges, pitch/svgRow)
	x := func(v int) float64 { return svgMargin + l.At[v].X*pitch }
	y := func(v int) float64 { return svgMargin + l.At[v].Y*svgRow }

	w := bufio.NewWriter(out)
	width, height := max(l.Width-1, 0)*pitch+box+2*svgMargin, max(l.Height-1, 0)*svgRow+svgBox+2*svgMargin
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="order of resources">`+"\n", width, height, width, height)
	fmt.Fprint(w, svgStyle)
	for _, e := range p.Edges {
		class, half := "", svgBox/2
		if e.Notify {
			class = ` class="notify"`
		}
		x0, x1 := x(e.From)+box, x(e.To)
		if p.Nodes[e.From].Barrier {
			x0 -= box / 2
		}
		if p.Nodes[e.To].Barrier {
			x1 += box / 2
		}
		bend := min(max((x1-x0)/2, svgBetween/2), 2*svgBetween)
		fmt.Fprintf(w, `<path%s d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f"/>`+"\n", class, x0, y(e.From)+half, x0+bend, y(e.From)+half, x1-bend, y(e.To)+half, x1, y(e.To)+half)
	}
	for v, n := range p.Nodes {
		if n.Barrier {
			fmt.Fprintf(w, `<circle cx="%.1f" cy="%.1f" r="4"/>`+"\n", x(v)+box/2, y(v)+svgBox/2)
			continue
		}
		address := report.Printable(n.Address)
		fmt.Fprintf(w, `<g><title>%s %s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.0f" rx="5"/><text x="%.1f" y="%.1f">%s</text></g>`+"\n",
			html.EscapeString(address), html.EscapeString(report.Printable(n.Pos)), x(v), y(v), box, svgBox, x(v)+9, y(v)+svgBox/2+4, html.EscapeString(screen.Shorten(address, svgLabel)))
	}
	fmt.Fprintln(w, "</svg>")
	return w.Flush()
}

const svgStyle = `<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>
<style>
svg { background: #fff; font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
rect { fill: #f5f6f8; stroke: #b6bec9; } text { fill: #1b1f24; } circle { fill: #5b6675; }
path { fill: none; stroke: #7d8896; stroke-width: 1.2; marker-end: url(#to); } .notify { stroke-dasharray: 5 4; } .head { fill: #7d8896; stroke: none; marker-end: none; }
g:hover rect { stroke: #2563c9; stroke-width: 2; }
@media (prefers-color-scheme: dark) { svg { background: #14171b; } rect { fill: #1b1f25; stroke: #46505c; } text { fill: #e3e7ec; } circle { fill: #98a4b3; } }
</style>
`
