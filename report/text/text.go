// Package text prints a run for people, on a terminal with what runs now below.
package text

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Printer prints a run for people: what changed with its diffs, what failed and why, and one summary. On a terminal it is coloured and shows below
// what runs now; else it is plain lines. Results come as they end, so that a slow one holds no other back; the report itself, which the files of
// --report and apply history show, keeps the order of declaration.
type Printer struct {
	prose
	mu      sync.Mutex
	w       io.Writer
	verbose bool // unchanged resources too
	live    *live
	err     error
}

// Options say how to print.
type Options struct {
	Color   bool
	Verbose bool
	// Makes, if set, gives at the end the command, by words, that makes the changes of a plan; nil: apply and the manifest. Without words there is none.
	Makes func() []string
	// Flagged says that apply and the manifest make them only with the flags that the plan was asked for with.
	Flagged bool
	// Saved says that a saved plan is carried out: where something failed, as it has drifted, the same plan does not help.
	Saved bool
	// Screen, if set, gives the columns and rows of the terminal that w is: it shows what runs now.
	Screen func() (columns, rows int)
}

// New returns a printer to w.
func New(w io.Writer, o Options) *Printer {
	p := &Printer{prose: prose{color: o.Color, makes: o.Makes, flagged: o.Flagged, saved: o.Saved}, w: w, verbose: o.Verbose}
	if o.Screen != nil {
		p.live = newLive(p.prose, o.Screen)
	}
	return p
}

// Close ends what is shown of a run that came to no end, and returns the first error of writing.
func (p *Printer) Close() error {
	p.mu.Lock()
	live := p.live
	p.mu.Unlock()
	if live != nil {
		live.end()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if live != nil {
		last := live.region.Clear()
		p.live = nil
		p.write(last)
	}
	return p.err
}

// Beside returns a writer to w for what others have to tell, in whole lines: w may be the same terminal.
func (p *Printer) Beside(w io.Writer) io.Writer { return beside{p, w} }

type beside struct {
	p *Printer
	w io.Writer
}

// Write writes above the live part.
func (b beside) Write(text []byte) (int, error) {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if b.p.live == nil {
		return b.w.Write(text)
	}
	b.p.put(b.p.live.region.Clear())
	n, err := b.w.Write(text)
	b.p.write("")
	return n, err
}

// write puts finished lines above the live part, in one piece.
func (p *Printer) write(s string) {
	if p.live != nil {
		s = p.live.region.Clear() + s + p.live.draw(time.Now())
	}
	p.put(s)
}

func (p *Printer) put(s string) {
	if s == "" || p.err != nil {
		return
	}
	_, p.err = io.WriteString(p.w, s)
}

// Begin starts the live part.
func (p *Printer) Begin(r *report.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = r.Mode
	if p.live != nil {
		p.live.start(r.Resources, time.Now(), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.write("")
		})
	}
}

// Running is shown in the live part; without one, only waits are told.
func (p *Printer) Running(a resources.Address, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.live != nil:
		p.live.running(a, what, time.Now())
	case strings.HasPrefix(what, "waiting"):
		p.write(fmt.Sprintf("%s: %s\n", report.Printable(a.String()), report.Printable(what)))
	}
}

// Ended prints one result.
func (p *Printer) Ended(r *report.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != nil {
		p.live.ended(r)
	}
	if r.Outcome == report.Unchanged && !p.verbose && len(r.Warnings) == 0 {
		return
	}
	p.write(p.result(r))
}

// End prints the outputs and the summary.
func (p *Printer) End(r *report.Report) {
	_ = p.Close() // its error is kept
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(p.conclusion(r))
}
