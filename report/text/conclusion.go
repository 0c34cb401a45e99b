package text

import (
	"fmt"
	"strings"

	"github.com/nodeapply/apply/report"
)

// conclusion is what is to be told of a run as a whole: outputs, warnings, surprises and the summary.
func (p prose) conclusion(r *report.Report) string {
	p.mode = r.Mode
	var b strings.Builder
	for _, o := range r.Outputs {
		fmt.Fprintf(&b, "%s = %s\n", report.Printable(o.Name), report.Printable(o.Text()))
	}
	for _, w := range r.Warnings {
		p.warning(&b, w)
	}
	return b.String() + p.surprises(r) + p.orphans(r.Orphans) + p.unsure(r) + p.summary(r)
}

// surprises lists what came otherwise than planned. Several that were skipped for one reason, each of which has been told, are one line.
func (p prose) surprises(r *report.Report) string {
	reasons := map[string]string{} // by the addresses of those that were skipped
	for _, res := range r.Results {
		if res.Outcome == report.Skipped {
			reasons[res.Address.String()] = skippedFor(res)
		}
	}
	skipped := map[string]int{} // by the reason
	for _, s := range r.Surprises {
		if s.Outcome == report.Skipped {
			skipped[reasons[s.Address.String()]]++
		}
	}
	var b strings.Builder
	for _, s := range r.Surprises {
		what := fmt.Sprintf("%s: planned %s, came %s", report.Printable(s.Address.String()), s.Planned, s.Outcome)
		if s.Outcome == report.Skipped {
			reason := reasons[s.Address.String()]
			n := skipped[reason]
			skipped[reason] = 0
			if n == 0 {
				continue
			}
			if n > 1 {
				what = fmt.Sprintf("%d resources: planned otherwise, came skipped", n)
			}
			what += reason
		}
		fmt.Fprintf(&b, "%s %s\n", p.paint(yellow, "surprise:"), what)
	}
	return b.String()
}

// skippedFor is why a result was skipped, as it follows on the word.
func skippedFor(r *report.Result) string {
	switch {
	case r.Because != "":
		return fmt.Sprintf(" because %s failed", report.Printable(r.Because))
	case r.Reason != "":
		return ": " + report.Printable(r.Reason)
	}
	return ""
}

// unsure names a few of those that a plan finds as declared, and that what comes before them may change.
func (p prose) unsure(r *report.Report) string {
	const few = 5
	var names []string
	n := 0
	for _, res := range r.Results {
		if r.Mode != report.Plan || res.Outcome != report.Unchanged || !strings.HasPrefix(res.Certainty, report.CertaintyAfter) {
			continue
		}
		if n++; n <= few {
			names = append(names, report.Printable(res.Address.String()))
		}
	}
	if n > few {
		names = append(names, fmt.Sprintf("%d more", n-few))
	}
	if n == 0 {
		return ""
	}
	return p.paint(yellow, "may change too,") + " after what is to change: " + strings.Join(names, ", ") + "\n"
}

// orphans lists what is no longer declared, with the manifest that would remove it.
func (p prose) orphans(list []report.Orphan) string {
	if len(list) == 0 {
		return ""
	}
	var b, removals strings.Builder
	for _, o := range list {
		fate := "and is left as it is"
		if o.ManagedBy != "" {
			fate = "but by " + report.Printable(o.ManagedBy)
		}
		fmt.Fprintf(&b, "%s %s is no longer declared, %s\n", p.paint(yellow, "orphan:"), report.Printable(o.Address.String()), fate)
		removals.WriteString(o.Removal)
	}
	if removals.Len() > 0 {
		b.WriteString("a manifest that would remove what is left:\n")
		p.indent(&b, removals.String(), false)
	}
	return b.String()
}

// summary is one line that counts, and one that says what to do next where something is to be done.
func (p prose) summary(r *report.Report) string {
	c := r.Counts()
	var parts []string
	add := func(n int, o report.Outcome, word string) {
		if n > 0 {
			parts = append(parts, p.paint(paintOf(o), fmt.Sprintf("%d %s", n, word)))
		}
	}
	add(c.Failed, report.Failed, "failed")
	add(c.Skipped, report.Skipped, "skipped")
	add(c.Changed, report.Changed, "changed")
	add(c.Refreshed, report.Refreshed, "refreshed")
	only := onlyReported(r)
	add(c.Pending-only, report.Pending, "to change")
	add(only, report.Pending, "only reported (noop)")
	add(c.Unchanged, report.Unchanged, "unchanged")
	if len(parts) == 0 {
		parts = []string{"nothing declared"}
		if r.Partial {
			parts = []string{"nothing chosen"}
		}
	}
	line := fmt.Sprintf("%s: %s, in %s", p.paint(bold, string(r.Mode)), strings.Join(parts, ", "), report.Took(r.DurationMS))
	if r.Mode == report.Converge && c.Changed+c.Refreshed+c.Failed > 0 {
		line += ", " + r.Fidelity() + " as planned"
	}
	if at := r.Revision(); at != "" {
		line += ", commit " + report.Printable(at)
	}
	return line + "\n" + p.next(r, c)
}

// onlyReported is how many resources differ that are to be reported only.
func onlyReported(r *report.Report) int {
	n := 0
	for _, res := range r.Results {
		if res.Outcome == report.Pending && (res.Noop || r.Mode == report.Converge) {
			n++
		}
	}
	return n
}

// next says what to do.
func (p prose) next(r *report.Report, c report.Counts) string {
	switch {
	case r.Interrupted != 0:
		return "interrupted: run it again to finish what is left.\n"
	case r.Aborted != "":
		return fmt.Sprintf("stopped: %s; nothing new was started.\n", report.Printable(r.Aborted))
	case c.Failed > 0 && r.Mode == report.Plan:
		return fmt.Sprintf("correct what failed, then plan again. First: %s\n", p.first(r))
	case c.Failed > 0 && p.saved:
		return fmt.Sprintf("correct what failed, then plan again: what is done stays done. First: %s\n", p.first(r))
	case c.Failed > 0:
		return fmt.Sprintf("correct what failed, then run it again: what is done stays done. First: %s\n", p.first(r))
	case r.Mode == report.Plan && c.Pending > onlyReported(r):
		return p.command(r)
	case r.Mode == report.Plan && c.Pending == 0 && (c.Total > 0 || !r.Partial):
		return "the node is as declared: there is nothing to do.\n"
	}
	return ""
}

// command says by which command a plan's changes are made.
func (p prose) command(r *report.Report) string {
	var words []string
	flags := ""
	if p.makes != nil {
		words = p.makes()
	}
	if words == nil {
		words = []string{"apply", r.Manifest}
		if p.flagged || r.Partial {
			flags = ", with the same flags"
		}
	}
	if len(words) == 0 {
		return ""
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = report.Word(w)
	}
	return "to make these changes: " + strings.Join(quoted, " ") + flags + "\n"
}

func (p prose) first(r *report.Report) string {
	for _, res := range r.Results {
		if res.Outcome == report.Failed {
			return report.Printable(strings.TrimSuffix(res.Address.String()+" at "+res.Pos, " at "))
		}
	}
	return ""
}
