package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/resources"
)

// Text prints a run for people: what changed with its diffs, what failed and why, and one summary. On a terminal it is coloured and shows below
// what runs now; else it is plain lines.
type Text struct {
	mu      sync.Mutex
	w       io.Writer
	color   bool
	verbose bool // unchanged resources too
	live    *live
	mode    Mode
	err     error
}

// TextOptions say how to print.
type TextOptions struct {
	Color   bool
	Verbose bool
	Live    bool       // w is a terminal: show what runs now
	Width   func() int // columns of the terminal
}

// NewText returns a printer to w.
func NewText(w io.Writer, o TextOptions) *Text {
	p := &Text{w: w, color: o.Color, verbose: o.Verbose}
	if o.Live {
		p.live = newLive(o.Width)
	}
	return p
}

// Err returns the first error of writing.
func (p *Text) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// ANSI colours by what they stand for.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	dim    = "2"
	bold   = "1"
)

func (p *Text) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// write puts finished lines above the live part.
func (p *Text) write(s string) {
	if p.live != nil {
		s = p.live.clear() + s + p.live.draw(time.Now())
	}
	if _, err := io.WriteString(p.w, s); err != nil && p.err == nil {
		p.err = err
	}
}

// Begin starts the live part.
func (p *Text) Begin(r *Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = r.Mode
	if p.live != nil {
		p.live.start(p, r.Resources)
	}
}

// Running is shown in the live part; without one, only waits for other nodes are told.
func (p *Text) Running(a resources.Address, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.live != nil:
		p.live.running(a, what, time.Now())
	case strings.HasPrefix(what, "waiting"):
		p.write(fmt.Sprintf("%s: %s\n", a, Printable(what)))
	}
}

// Ended prints one result.
func (p *Text) Ended(r *Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != nil {
		p.live.ended(r)
	}
	if r.Outcome == Unchanged && !p.verbose && len(r.Warnings) == 0 {
		return
	}
	p.write(p.result(r))
}

var outcomeColors = map[Outcome]string{Changed: green, Refreshed: cyan, Pending: yellow, Failed: red, Skipped: dim, Unchanged: dim}

// result formats one result.
func (p *Text) result(r *Result) string {
	var b strings.Builder
	word := string(r.Outcome)
	switch {
	case r.Noop && r.Outcome == Pending:
		word = "would change (noop)"
	case p.mode == Plan && r.Outcome == Pending && r.Refreshed && len(r.Changes) == 0:
		word = "would be refreshed"
	case p.mode == Plan && r.Outcome == Pending:
		word = "would change"
	case r.Outcome == Changed && r.Refreshed:
		word = "changed and refreshed"
	}
	fmt.Fprintf(&b, "%s: %s", p.paint(bold, Printable(r.Address.String())), p.paint(outcomeColors[r.Outcome], word))
	if r.Pos != "" {
		b.WriteString(" " + p.paint(dim, "("+Printable(r.Pos)+")"))
	}
	if p.mode == Plan && r.Outcome == Pending && r.Certainty != Exact && r.Certainty != "" {
		fmt.Fprintf(&b, " [%s]", Printable(r.Certainty))
	}
	if r.Because != "" {
		fmt.Fprintf(&b, " because %s failed", Printable(r.Because))
	}
	if r.Drift {
		b.WriteString(" [drift]")
	}
	b.WriteByte('\n')
	if r.Reason != "" {
		fmt.Fprintf(&b, "    %s\n", Printable(r.Reason))
	}
	for _, c := range r.Changes {
		p.change(&b, c)
	}
	if r.Refreshed && len(r.NotifiedBy) > 0 {
		fmt.Fprintf(&b, "    notified by %s\n", Printable(strings.Join(r.NotifiedBy, ", ")))
	}
	if e := r.Error; e != nil {
		place := ""
		if e.Pos != "" {
			place = Printable(e.Pos) + ": "
		}
		fmt.Fprintf(&b, "    %s%s\n", place, p.paint(red, Printable(e.Summary)))
		p.indent(&b, e.Detail, "")
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "    %s %s\n", p.paint(yellow, "warning:"), Printable(w))
	}
	return b.String()
}

func (p *Text) change(b *strings.Builder, c Change) {
	if c.Diff != "" {
		fmt.Fprintf(b, "    %s:\n", c.Attribute)
		p.indent(b, c.Diff, "diff")
		return
	}
	before, after := Printable(c.Before), Printable(c.After)
	if before == "" {
		before = "(none)"
	}
	fmt.Fprintf(b, "    %s: %s -> %s\n", c.Attribute, before, after)
}

// indent writes the lines of a text one level in; those of a diff in its colours.
func (p *Text) indent(b *strings.Builder, text, kind string) {
	if text == "" {
		return
	}
	for line := range strings.Lines(text) {
		line = Printable(strings.TrimSuffix(line, "\n"))
		if kind == "diff" {
			switch {
			case strings.HasPrefix(line, "+"):
				line = p.paint(green, line)
			case strings.HasPrefix(line, "-"):
				line = p.paint(red, line)
			case strings.HasPrefix(line, "@@"):
				line = p.paint(cyan, line)
			}
		}
		fmt.Fprintf(b, "        %s\n", line)
	}
}

// End prints the outputs and the summary.
func (p *Text) End(r *Report) {
	p.mu.Lock()
	live := p.live
	p.mu.Unlock()
	if live != nil {
		live.end()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	if live != nil {
		b.WriteString(live.clear())
		p.live = nil
	}
	for _, o := range r.Outputs {
		fmt.Fprintf(&b, "%s = %s\n", o.Name, Printable(outputText(o.Value)))
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "%s %s\n", p.paint(yellow, "warning:"), Printable(w))
	}
	for _, s := range r.Surprises {
		fmt.Fprintf(&b, "%s %s: planned %s, came %s\n", p.paint(yellow, "surprise:"), Printable(s.Address.String()), s.Planned, s.Outcome)
	}
	b.WriteString(p.orphans(r.Orphans))
	b.WriteString(p.summary(r))
	p.write(b.String())
}

// orphans lists what is no longer declared, with the manifest that would remove it.
func (p *Text) orphans(list []Orphan) string {
	if len(list) == 0 {
		return ""
	}
	var b, removals strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "%s %s is no longer declared, and is left as it is\n", p.paint(yellow, "orphan:"), Printable(o.Address.String()))
		removals.WriteString(o.Removal)
	}
	if removals.Len() > 0 {
		b.WriteString("a manifest that would remove what is left:\n")
		p.indent(&b, removals.String(), "")
	}
	return b.String()
}

// summary is one line that counts, and one that says what to do next where something is to be done.
func (p *Text) summary(r *Report) string {
	c := r.Counts()
	var parts []string
	add := func(n int, o Outcome, word string) {
		if n > 0 {
			parts = append(parts, p.paint(outcomeColors[o], fmt.Sprintf("%d %s", n, word)))
		}
	}
	add(c.Failed, Failed, "failed")
	add(c.Skipped, Skipped, "skipped")
	add(c.Changed, Changed, "changed")
	add(c.Refreshed, Refreshed, "refreshed")
	if r.Mode == Plan {
		add(c.Pending, Pending, "to change")
	} else {
		add(c.Pending, Pending, "only reported (noop)")
	}
	add(c.Unchanged, Unchanged, "unchanged")
	if len(parts) == 0 {
		parts = []string{"nothing declared"}
	}
	took := time.Duration(r.DurationMS * float64(time.Millisecond)).Round(time.Millisecond)
	line := fmt.Sprintf("%s: %s, in %v", r.Mode, strings.Join(parts, ", "), took)
	if r.Mode == Converge && c.Changed+c.Refreshed+c.Failed > 0 {
		line += ", " + r.Fidelity() + " as planned"
	}
	return line + "\n" + p.next(r, c)
}

// next says what to do.
func (p *Text) next(r *Report, c Counts) string {
	switch {
	case r.Interrupted != 0:
		return "interrupted: run it again to finish what is left.\n"
	case r.Aborted != "":
		return fmt.Sprintf("stopped: %s; nothing new was started.\n", Printable(r.Aborted))
	case c.Failed > 0:
		return fmt.Sprintf("correct what failed, then run it again: what is done stays done. First: %s\n", p.first(r))
	case r.Mode == Plan && c.Pending > 0:
		return fmt.Sprintf("to make these changes: apply %s\n", Printable(r.Manifest))
	}
	return ""
}

func (p *Text) first(r *Report) string {
	for _, res := range r.Results {
		if res.Outcome == Failed {
			return Printable(strings.TrimSuffix(res.Address.String()+" at "+res.Pos, " at "))
		}
	}
	return ""
}

// outputText writes a string as it is, and other values as JSON.
func outputText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
