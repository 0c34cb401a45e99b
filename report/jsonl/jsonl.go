// Package jsonl prints a run as one JSON object a line.
package jsonl

import (
	"encoding/json"
	"io"
	"strings"
	"sync"

	"github.com/nodeapply/apply/resources"

	"github.com/nodeapply/apply/report"
)

// Printer prints a run as one JSON object a line. Keys are a promise: more may come, none changes its meaning.
type Printer struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// New returns a printer to w. Its writes are whole lines.
func New(w io.Writer) *Printer { return &Printer{w: w} }

// Close returns the first error of writing.
func (p *Printer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *Printer) line(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	enc := json.NewEncoder(p.w)
	enc.SetEscapeHTML(false)
	p.err = enc.Encode(v)
}

type runEvent struct {
	Event     string      `json:"event"`
	Run       string      `json:"run"`
	Node      string      `json:"node"`
	Mode      report.Mode `json:"mode"`
	Manifest  string      `json:"manifest"`
	Commit    string      `json:"commit,omitempty"`
	Dirty     bool        `json:"dirty,omitempty"`
	Resources int         `json:"resources"`
}

// Begin prints the run event.
func (p *Printer) Begin(r *report.Report) {
	p.line(runEvent{"run", r.Run, r.Node, r.Mode, r.Manifest, r.Commit, r.Dirty, r.Resources})
}

type waitEvent struct {
	Event   string            `json:"event"`
	Address resources.Address `json:"address"`
	Detail  string            `json:"detail"`
}

// Running prints what a resource waits for; other steps are not events.
func (p *Printer) Running(a resources.Address, what string) {
	if strings.HasPrefix(what, "waiting") {
		p.line(waitEvent{"waiting", a, what})
	}
}

// Ended prints the resource event.
func (p *Printer) Ended(r *report.Result) {
	p.line(struct {
		Event string `json:"event"`
		*report.Result
	}{"resource", r})
}

type summaryEvent struct {
	Event   string         `json:"event"`
	Outcome report.Outcome `json:"outcome"`
	report.Counts
	Fidelity    string            `json:"fidelity,omitempty"`
	Surprises   []report.Surprise `json:"surprises,omitempty"`
	Outputs     []report.Output   `json:"outputs,omitempty"`
	Orphans     []report.Orphan   `json:"orphans,omitempty"`
	Warnings    []string          `json:"warnings,omitempty"`
	Interrupted int               `json:"interrupted,omitempty"`
	Aborted     string            `json:"aborted,omitempty"`
	DurationMS  float64           `json:"duration_ms"`
}

// End prints the summary event.
func (p *Printer) End(r *report.Report) {
	p.line(summaryEvent{
		Event: "summary", Outcome: r.Outcome(), Counts: r.Counts(), Fidelity: r.Fidelity(), Surprises: r.Surprises,
		Outputs: r.Outputs, Orphans: r.Orphans, Warnings: r.Warnings, Interrupted: r.Interrupted, Aborted: r.Aborted, DurationMS: r.DurationMS,
	})
}
