package reasons

import (
	"fmt"
	"strings"
	"time"

	"github.com/nodeapply/apply/report"
)

// Text is what people read.
func (e Event) Text() string {
	var b strings.Builder
	when := "now"
	if e.Mode == report.Converge {
		when = fmt.Sprintf("in run %s at %s", e.Run, e.Started.Local().Format(time.DateTime))
	}
	fmt.Fprintf(&b, "%s: %s %s (%s)\n", report.Printable(e.Address.String()), outcomeWord(e.Mode, e.Reason), when, report.Printable(e.Pos))
	e.text(&b, "    ")
	return b.String()
}

func outcomeWord(mode report.Mode, r *Reason) string {
	switch {
	case mode == report.Converge:
		return string(r.Outcome)
	case r.Outcome == report.Pending && len(r.Changes) == 0 && len(r.NotifiedBy) > 0:
		return "would be refreshed"
	case r.Outcome == report.Pending:
		return "would change"
	case r.Outcome == report.Unchanged:
		return "would stay as it is"
	}
	return string(r.Outcome)
}

// text writes what is behind a result, and behind that.
func (r *Reason) text(b *strings.Builder, indent string) {
	if r.Drift {
		fmt.Fprintf(b, "%san earlier run left it as declared: what differs has come about since\n", indent)
	}
	if r.Reason != "" {
		fmt.Fprintf(b, "%s%s\n", indent, report.Printable(r.Reason))
	}
	if e := r.Error; e != nil {
		summary, more, _ := strings.Cut(e.Summary, "\n") // several mistakes, one a line
		fmt.Fprintf(b, "%s%s: %s\n", indent, report.Printable(e.Pos), report.Printable(summary))
		block(b, indent, more)
		block(b, indent, e.Detail)
	}
	for _, c := range r.Changes {
		c.text(b, indent)
	}
	for _, n := range r.NotifiedBy {
		fmt.Fprintf(b, "%snotified by %s%s: %s\n", indent, report.Printable(n.Address.String()), inBrackets(n.Relation), n.notifying())
		n.text(b, indent+"    ")
	}
	if r.Because != nil {
		fmt.Fprintf(b, "%sbecause of %s%s: %s\n", indent, report.Printable(r.Because.Address.String()), inBrackets(r.Because.Pos), r.Because.Outcome)
		r.Because.text(b, indent+"    ")
	}
}

// notifying is how a result came to notify another. One that changed nothing did so in an earlier run, which did not come to the refresh.
func (r *Reason) notifying() string {
	switch r.Outcome {
	case report.Changed, report.Refreshed, report.Pending:
		return string(r.Outcome)
	}
	return fmt.Sprintf("%s, what it changed in an earlier run was still owed", r.Outcome)
}

func (c *Cause) text(b *strings.Builder, indent string) {
	if c.Diff == "" {
		fmt.Fprintf(b, "%s%s%s: %s -> %s\n", indent, c.Attribute, inBrackets(c.Pos), report.Shown(c.Before), report.Shown(c.After))
	} else {
		fmt.Fprintf(b, "%s%s%s:\n", indent, c.Attribute, inBrackets(c.Pos))
		block(b, indent, c.Diff)
	}
	for _, p := range c.Origins {
		fmt.Fprintf(b, "%s    from %s%s\n", indent, report.Printable(p.Reference), inBrackets(p.Pos))
	}
}

// block writes the lines of a text one level in.
func block(b *strings.Builder, indent, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(b, "%s    %s\n", indent, report.Printable(strings.TrimSuffix(line, "\n")))
	}
}

func inBrackets(pos string) string {
	if pos == "" {
		return ""
	}
	return " (" + report.Printable(pos) + ")"
}
