package text

import (
	"fmt"
	"strings"

	"github.com/nodeapply/apply/report"
)

// prose writes results and reports for people.
type prose struct {
	color   bool
	mode    report.Mode
	makes   func() []string // see Options
	flagged bool
	saved   bool
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

func (p prose) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func paintOf(o report.Outcome) string {
	switch o {
	case report.Changed:
		return green
	case report.Refreshed:
		return cyan
	case report.Pending:
		return yellow
	case report.Failed:
		return red
	}
	return dim
}

// result is one line that says how a resource ended, and below it what there is to tell.
func (p prose) result(r *report.Result) string {
	var b strings.Builder
	word := report.Printable(string(r.Outcome)) // of a node of a fleet it may be anything
	switch {
	case r.Noop && r.Outcome == report.Pending:
		word = "would change (noop)"
	case p.mode == report.Plan && r.Outcome == report.Pending && r.Refreshed && len(r.Changes) == 0:
		word = "would be refreshed"
	case p.mode == report.Plan && r.Outcome == report.Pending:
		word = "would change"
	case r.Outcome == report.Changed && r.Refreshed:
		word = "changed and refreshed"
	}
	fmt.Fprintf(&b, "%s: %s", p.paint(bold, report.Printable(r.Address.String())), p.paint(paintOf(r.Outcome), word))
	if r.Pos != "" {
		b.WriteString(" " + p.paint(dim, "("+report.Printable(r.Pos)+")"))
	}
	if p.mode == report.Plan && r.Outcome == report.Pending {
		b.WriteString(labels(r))
	}
	if r.Because != "" {
		fmt.Fprintf(&b, " because %s failed", report.Printable(r.Because))
	}
	if r.Drift {
		b.WriteString(" [drift]")
	}
	b.WriteByte('\n')
	p.body(&b, r)
	return b.String()
}

// labels says how sure a plan is of a result, and of a change whether an undo takes it back.
func labels(r *report.Result) string {
	var out []string
	if r.Certainty != "" {
		out = append(out, report.Printable(r.Certainty))
	}
	switch {
	case !r.Reversible:
		out = append(out, "irreversible")
	case len(r.Changes) > 0 || !r.Refreshed:
		out = append(out, "reversible")
	}
	return " [" + strings.Join(out, ", ") + "]"
}

// Details is what there is to tell of a result below its first line, in plain lines.
func Details(r *report.Result) string {
	var b strings.Builder
	prose{}.body(&b, r)
	return b.String()
}

// notifiersShown is how many of the resources that notified one are named: of a block with for_each they may be thousands.
const notifiersShown = 10

// body is what there is to tell of a result.
func (p prose) body(b *strings.Builder, r *report.Result) {
	if reason, more, _ := strings.Cut(r.Reason, "\n"); reason != "" { // several, one a line
		fmt.Fprintf(b, "    %s\n", report.Printable(reason))
		p.indent(b, more, false)
	}
	for _, c := range r.Changes {
		p.change(b, c)
	}
	if r.Refreshed && len(r.NotifiedBy) > 0 {
		by, more := r.NotifiedBy, ""
		if n := len(by) - notifiersShown; n > 0 {
			by, more = by[:notifiersShown], fmt.Sprintf(" and %d more", n)
		}
		fmt.Fprintf(b, "    notified by %s%s\n", report.Printable(strings.Join(by, ", ")), more)
	}
	if e := r.Error; e != nil {
		place := ""
		if e.Pos != "" {
			place = report.Printable(begin(e.Pos) + ": " + r.Address.String() + ": ")
		}
		summary, more, _ := strings.Cut(e.Summary, "\n") // several mistakes, one a line
		if place != "" {
			summary = strings.TrimPrefix(summary, r.Address.String()+": ") // of an error that stands alone elsewhere
		}
		fmt.Fprintf(b, "    %s%s\n", place, p.paint(red, report.Printable(summary)))
		p.indent(b, more, false)
		p.indent(b, e.Detail, false)
	}
	for _, w := range r.Warnings {
		b.WriteString("    ")
		p.warning(b, w)
	}
}

// begin is where a range begins, FILE:LINE:COLUMN, which editors understand.
func begin(pos string) string {
	colon := strings.LastIndexByte(pos, ':')
	line, columns, ok := strings.Cut(pos[colon+1:], ",")
	if !ok {
		return pos
	}
	column, _, _ := strings.Cut(columns, "-")
	return pos[:colon+1] + line + ":" + column
}

func (p prose) warning(b *strings.Builder, text string) {
	first, more, _ := strings.Cut(text, "\n")
	fmt.Fprintf(b, "%s %s\n", p.paint(yellow, "warning:"), report.Printable(first))
	p.indent(b, more, false)
}

func (p prose) change(b *strings.Builder, c report.Change) {
	if c.Diff != "" {
		fmt.Fprintf(b, "    %s:\n", report.Printable(c.Attribute))
		p.indent(b, c.Diff, true)
		return
	}
	if strings.Contains(strings.TrimSuffix(c.Before, "\n")+strings.TrimSuffix(c.After, "\n"), "\n") { // a script, a key
		fmt.Fprintf(b, "    %s:\n", report.Printable(c.Attribute))
		p.indent(b, marked("-", c.Before)+marked("+", c.After), true)
		return
	}
	fmt.Fprintf(b, "    %s: %s -> %s\n", report.Printable(c.Attribute), p.paint(red, report.Shown(c.Before)), p.paint(green, report.Shown(c.After)))
}

// marked is a value of which each line begins with mark.
func marked(mark, value string) string {
	var b strings.Builder
	for line := range strings.Lines(value) {
		b.WriteString(mark + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

// level is what lines that are one level in begin with.
const level = "        "

// indent writes the lines of a text one level in; those of a diff in its colours.
func (p prose) indent(b *strings.Builder, text string, diff bool) {
	inHunk := false
	b.Grow(len(text) + (strings.Count(text, "\n")+1)*len(level+"\n"))
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !diff {
			line = strings.TrimSuffix(line, "\r") // as programs end the lines that they write for a terminal
		}
		line = report.Printable(line)
		hunk := strings.HasPrefix(line, "@@")
		inHunk = inHunk || hunk
		switch {
		case !diff:
		case hunk:
			line = p.paint(cyan, line)
		case !inHunk && (strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "+++ ")):
			line = p.paint(dim, line)
		case strings.HasPrefix(line, "+"):
			line = p.paint(green, line)
		case strings.HasPrefix(line, "-"):
			line = p.paint(red, line)
		}
		b.WriteString(level)
		b.WriteString(line)
		b.WriteByte('\n')
	}
}
