// Package html writes a report as one page for a browser: the results, their graph, a timeline with the critical path, and every change and error. The page
// is self-contained and forbids itself the network. The same report gives the same bytes.
package html

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/layout"
	"github.com/nodeapply/apply/report/text"
)

//go:embed page
var files embed.FS

// A cell of the graph's layout is drawn this large, in pixels at full size. graph.js draws boxes of 166 x 28 in it.
const (
	cellWidth  = 220
	cellHeight = 40
)

// data is what the scripts of the page work on.
type data struct {
	Report   *report.Report `json:"report"`
	Graph    graph          `json:"graph"`
	Slack    []float64      `json:"slack"`    // milliseconds, by result
	Critical []int          `json:"critical"` // the results on the critical path, in order
	PathMS   float64        `json:"path_ms"`  // how long the critical path takes
}

type graph struct {
	CellWidth  float64   `json:"cell_width"`
	CellHeight float64   `json:"cell_height"`
	Width      float64   `json:"width"` // cells
	Height     float64   `json:"height"`
	X          []float64 `json:"x"` // cells, by result; then barriers
	Y          []float64 `json:"y"`
}

// Write writes the page of r to w.
func Write(w io.Writer, r *report.Report) error {
	p := page{R: r, Failures: with(r, maxFailures, report.Failed), Told: with(r, maxTold, report.Failed, report.Skipped, report.Changed, report.Refreshed, report.Pending),
		Counts: counts(r), Took: report.Took(r.DurationMS), Started: r.Started.UTC().Format("2006-01-02 15:04:05 UTC")}
	style, err := files.ReadFile("page/page.css")
	if err != nil {
		return err
	}
	script, err := scripts()
	if err != nil {
		return err
	}
	payload, err := json.Marshal(dataOf(r)) // escapes <, > and &: it cannot end its element
	if err != nil {
		return err
	}
	p.Style, p.Script, p.Data = template.CSS(style), template.JS(script), template.JS(payload)
	p.Policy = fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", hash(script), hash(style))
	t, err := template.New("page.tmpl").Funcs(template.FuncMap{"printable": report.Printable, "details": text.Details}).ParseFS(files, "page/page.tmpl")
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// page is what the template fills in.
type page struct {
	R        *report.Report
	Counts   []count
	Failures []*report.Result // the first
	Told     []*report.Result // what is told without scripts: what failed, then what else is not unchanged
	Took     string
	Started  string
	Policy   string
	Style    template.CSS
	Script   template.JS
	Data     template.JS
}

// Mode is what was done, in the words of a heading.
func (p page) Mode() string {
	switch {
	case p.R.Interrupted != 0:
		return "Interrupted"
	case p.R.Mode == report.Plan:
		return "Plan"
	}
	return "Run"
}

// So many results are told by the template itself, so that a page of many stays small.
const (
	maxFailures = 100
	maxTold     = 500
)

// with lists the first results with one of some outcomes, those of the first outcome first.
func with(r *report.Report, most int, outcomes ...report.Outcome) []*report.Result {
	var list []*report.Result
	for _, o := range outcomes {
		for _, res := range r.Results {
			if res.Outcome == o && len(list) < most {
				list = append(list, res)
			}
		}
	}
	return list
}

// MoreFailures is how many are not in Failures.
func (p page) MoreFailures() int { return p.R.Counts().Failed - len(p.Failures) }

// MoreTold is how many are not in Told.
func (p page) MoreTold() int {
	c := p.R.Counts()
	return c.Total - c.Unchanged - len(p.Told)
}

// Surprises are those that are more than a failure, which is told anyway, or what a failure has led to.
func (p page) Surprises() []report.Surprise {
	return slices.DeleteFunc(slices.Clone(p.R.Surprises), func(s report.Surprise) bool { return s.Outcome == report.Failed || s.Outcome == report.Skipped })
}

// count is one outcome with how many results had it.
type count struct {
	Outcome report.Outcome
	N       int
}

func counts(r *report.Report) []count {
	c := r.Counts()
	return []count{
		{report.Failed, c.Failed}, {report.Skipped, c.Skipped}, {report.Changed, c.Changed}, {report.Refreshed, c.Refreshed},
		{report.Pending, c.Pending}, {report.Unchanged, c.Unchanged},
	}
}

func dataOf(r *report.Report) data {
	n := len(r.Results)
	edges := make([]layout.Edge, len(r.Edges))
	for i, e := range r.Edges {
		edges[i] = layout.Edge{From: e.From, To: e.To}
		n = max(n, e.From+1, e.To+1)
	}
	l := layout.Layered(n, edges, cellWidth/cellHeight)
	g := graph{CellWidth: cellWidth, CellHeight: cellHeight, Width: l.Width, Height: l.Height, X: make([]float64, n), Y: make([]float64, n)}
	for v, p := range l.At {
		g.X[v], g.Y[v] = round(p.X), round(p.Y)
	}
	path := criticalPath(r, n)
	return data{Report: r, Graph: g, Slack: path.slack, Critical: path.on, PathMS: path.length}
}

func round(x float64) float64 { return math.Round(x*100) / 100 }

// scripts joins the parts of the page's script.
func scripts() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("'use strict';\n")
	for _, name := range []string{"base", "detail", "list", "table", "timeline", "graph", "main"} {
		part, err := files.ReadFile("page/" + name + ".js")
		if err != nil {
			return nil, err
		}
		b.Write(part)
	}
	return b.Bytes(), nil
}

// hash is how a page's policy names a script or style that it allows.
func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
