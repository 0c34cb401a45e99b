// Package page writes the joint report of many nodes as one page for a browser: a row a node on a common time line, the waits between them, and what
// changed and failed on each. The page is self-contained and forbids itself the network. The same report gives the same bytes.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/text"
)

//go:embed page.tmpl page.css page.js
var files embed.FS

// The chart, in pixels: a row, what is left of it for the names, and the time line.
const (
	rowHeight = 22
	nameWidth = 180
	lineWidth = 900
)

// Write writes the page of r to w.
func Write(w io.Writer, r *joint.Report) error {
	style, err := files.ReadFile("page.css")
	if err != nil {
		return err
	}
	script, err := files.ReadFile("page.js")
	if err != nil {
		return err
	}
	t, err := template.New("page.tmpl").Funcs(template.FuncMap{"printable": report.Printable, "details": details}).ParseFS(files, "page.tmpl")
	if err != nil {
		return err
	}
	d := data{R: r, Style: template.CSS(style), Script: template.JS(script), Rows: rows(r)}
	d.Policy = fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", hash(script), hash(style))
	d.chart()
	return t.Execute(w, d)
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// data is what the template fills in.
type data struct {
	R      *joint.Report
	Style  template.CSS
	Script template.JS
	Policy string
	Rows   []*row
	Waits  []wait
	Ticks  []tick
}

// row is a node.
type row struct {
	Node    *joint.Node
	Counts  report.Counts
	Took    string
	Y       int     // the top of its row
	X, W    float64 // its bar
	Results []*report.Result
}

// wait is a wait on the chart, and the arrow to it from the node whose fact ended it.
type wait struct {
	joint.Wait
	Y              int
	X, W           float64
	Took           string
	Last           string
	Arrow          bool
	FromX, FromY   float64
	UntilX, UntilY float64
}

type tick struct {
	X    float64
	Text string
}

func rows(r *joint.Report) []*row {
	out := make([]*row, len(r.Nodes))
	for i, n := range r.Nodes {
		out[i] = &row{Node: n, Counts: n.Counts(), Took: report.Took(n.DurationMS), Y: i * rowHeight, Results: told(n)}
	}
	return out
}

// told are the results that are worth reading: what failed first, then what changed or was skipped.
func told(n *joint.Node) []*report.Result {
	var failed, rest []*report.Result
	for _, line := range n.Results {
		var r report.Result
		switch {
		case json.Unmarshal(line, &r) != nil || r.Outcome == report.Unchanged:
		case r.Outcome == report.Failed:
			failed = append(failed, &r)
		default:
			rest = append(rest, &r)
		}
	}
	return append(failed, rest...)
}

// details are the lines below a result's first, moved to the margin.
func details(r *report.Result) string {
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text.Details(r), "\n    ", "\n"), "\n")
}

// Width and Height are the chart's, Left is where its time line begins.
func (d data) Width() int  { return nameWidth + lineWidth + 60 }
func (d data) Height() int { return len(d.Rows)*rowHeight + 24 }
func (d data) Left() int   { return nameWidth }

// Started and Took are the run's.
func (d data) Started() string { return d.R.Started.UTC().Format("2006-01-02 15:04:05 UTC") }
func (d data) Took() string    { return report.Took(d.R.DurationMS) }

// Table is the nodes as they are read: first those on which something went wrong.
func (d data) Table() []*row {
	return append(d.wrong(), slices.DeleteFunc(slices.Clone(d.Rows), func(r *row) bool { return r.Node.Outcome != "ok" })...)
}

// OK is how many nodes went well.
func (d data) OK() int { return len(d.Rows) - len(d.wrong()) }

func (d data) wrong() []*row {
	return slices.DeleteFunc(slices.Clone(d.Rows), func(r *row) bool { return r.Node.Outcome == "ok" })
}

type outcome struct {
	Outcome string
	Count   int
}

// Others is how many of the other nodes ended how.
func (d data) Others() (out []outcome) {
	for _, r := range d.wrong() {
		i := slices.IndexFunc(out, func(o outcome) bool { return o.Outcome == r.Node.Outcome })
		if i < 0 {
			i = len(out)
			out = append(out, outcome{Outcome: r.Node.Outcome})
		}
		out[i].Count++
	}
	return out
}

// chart places bars, waits and ticks.
func (d *data) chart() {
	most := max(d.R.DurationMS, 1)
	x := func(ms float64) float64 { return nameWidth + min(max(ms, 0), most)/most*lineWidth }
	at := map[string]*row{}
	for _, r := range d.Rows {
		r.X = x(r.Node.StartMS)
		r.W = max(x(r.Node.StartMS+r.Node.DurationMS)-r.X, 1)
		at[r.Node.Node] = r
		if p := r.Node.Part(); p != nil {
			at[p.Node] = r
		}
	}
	for _, w := range d.R.Waits {
		r := at[w.Node]
		if r == nil {
			continue
		}
		shown := wait{Wait: w, Y: r.Y, X: x(w.StartMS), Took: report.Took(w.DurationMS)}
		shown.W = max(x(w.StartMS+w.DurationMS)-shown.X, 1)
		if len(w.For) > 0 {
			last := slices.MaxFunc(w.For, func(a, b joint.For) int { return int(a.AtMS*1000) - int(b.AtMS*1000) })
			shown.Last = last.Node
			if from := at[last.Node]; from != nil && from != r {
				shown.Arrow = true
				shown.FromX, shown.FromY = x(last.AtMS), float64(from.Y)+rowHeight/2
				shown.UntilX, shown.UntilY = shown.X+shown.W, float64(r.Y)+rowHeight/2
			}
		}
		d.Waits = append(d.Waits, shown)
	}
	for i := range 6 {
		ms := most * float64(i) / 5
		d.Ticks = append(d.Ticks, tick{x(ms), report.Took(ms)})
	}
}
