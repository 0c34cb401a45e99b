package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/nodeapply/apply/resources"
)

// JSON prints a run as one JSON object a line. Keys are a promise: more may come, none changes its meaning.
type JSON struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// NewJSON returns a printer to w. Its writes are whole lines.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// Close returns the first error of writing.
func (p *JSON) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *JSON) line(v any) {
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
	Event     string `json:"event"`
	Run       string `json:"run"`
	Node      string `json:"node"`
	Mode      Mode   `json:"mode"`
	Manifest  string `json:"manifest"`
	Commit    string `json:"commit,omitempty"`
	Dirty     bool   `json:"dirty,omitempty"`
	Resources int    `json:"resources"`
}

// Begin prints the run event.
func (p *JSON) Begin(r *Report) {
	p.line(runEvent{"run", r.Run, r.Node, r.Mode, r.Manifest, r.Commit, r.Dirty, r.Resources})
}

type waitEvent struct {
	Event   string            `json:"event"`
	Address resources.Address `json:"address"`
	Detail  string            `json:"detail"`
}

// Running prints what a resource waits for; other steps are not events.
func (p *JSON) Running(a resources.Address, what string) {
	if strings.HasPrefix(what, "waiting") {
		p.line(waitEvent{"waiting", a, what})
	}
}

// Ended prints the resource event.
func (p *JSON) Ended(r *Result) {
	p.line(struct {
		Event string `json:"event"`
		*Result
	}{"resource", r})
}

type summaryEvent struct {
	Event   string  `json:"event"`
	Outcome Outcome `json:"outcome"`
	Counts
	Fidelity    string     `json:"fidelity,omitempty"`
	Surprises   []Surprise `json:"surprises,omitempty"`
	Outputs     []Output   `json:"outputs,omitempty"`
	Orphans     []Orphan   `json:"orphans,omitempty"`
	Warnings    []string   `json:"warnings,omitempty"`
	Interrupted int        `json:"interrupted,omitempty"`
	Aborted     string     `json:"aborted,omitempty"`
	DurationMS  float64    `json:"duration_ms"`
}

// End prints the summary event.
func (p *JSON) End(r *Report) {
	p.line(summaryEvent{
		Event: "summary", Outcome: r.Outcome(), Counts: r.Counts(), Fidelity: r.Fidelity(), Surprises: r.Surprises,
		Outputs: r.Outputs, Orphans: r.Orphans, Warnings: r.Warnings, Interrupted: r.Interrupted, Aborted: r.Aborted, DurationMS: r.DurationMS,
	})
}

// Fidelity is "came as planned/all" of a converge, "" of a plan.
func (r *Report) Fidelity() string {
	if r.Mode != Converge {
		return ""
	}
	return fmt.Sprintf("%d/%d", r.AsPlanned, len(r.Results))
}
