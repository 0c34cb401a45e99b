// Package verdict says what came of a proof: what was tried, what speaks against it, and what was not decided.
package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/cmd/apply/internal/prove/rehearsal"
	"github.com/nodeapply/apply/manifest/diag"
)

// Verdicts. Nothing is proved of what was not run.
const (
	Proved     = "proved"
	Refuted    = "refuted"
	NotDecided = "not decided"
)

// Claim is one thing that was tried.
type Claim struct {
	Claim    string    `json:"claim"` // idempotent, order-independent, crash-safe
	Verdict  string    `json:"verdict"`
	Summary  string    `json:"summary"`
	Counters []Counter `json:"counterexamples,omitempty"`
}

// Counter is a counterexample.
type Counter struct {
	Summary     string                 `json:"summary"`
	Resources   []Place                `json:"resources,omitempty"`
	Differences []rehearsal.Difference `json:"differences,omitempty"`
	Missing     string                 `json:"missing,omitempty"` // what would mend it
	Again       string                 `json:"again,omitempty"`   // the command that shows it again
}

// Place is a resource and where it is declared.
type Place struct {
	Address string `json:"address"`
	Pos     string `json:"pos"`
}

// Open is what was not decided.
type Open struct {
	Event  string `json:"event,omitempty"` // of a plan: "not decided"
	Name   string `json:"name"`            // an address, or a path
	Reason string `json:"reason"`
}

// Verdict is all that came of a proof.
type Verdict struct {
	Event     string  `json:"event"` // "proof"
	Verdict   string  `json:"verdict"`
	Orders    int     `json:"orders"`
	Resources int     `json:"resources"` // that were really run
	Seed      uint64  `json:"seed"`
	Claims    []Claim `json:"claims"`
	Open      []Open  `json:"not_decided,omitempty"`
	// Warnings are those of apply validate: nothing of them is tried.
	Warnings diag.List `json:"warnings,omitempty"`
}

// Sum sums up what came of a manifest's resources, by their addresses.
func Sum(addresses []string, claims []Claim, open []Open) Verdict {
	v := Verdict{Event: "proof", Verdict: Proved, Claims: claims, Open: open}
	for _, address := range addresses {
		if !slices.ContainsFunc(open, func(o Open) bool { return o.Name == address }) {
			v.Resources++
		}
	}
	for _, c := range claims {
		if c.Verdict == Refuted || v.Verdict == Proved {
			v.Verdict = c.Verdict
		}
	}
	if v.Verdict == Proved && v.Resources == 0 {
		v.Verdict = NotDecided
	}
	return v
}

// Scrub replaces all texts that may repeat a secret.
func (v *Verdict) Scrub(scrub func(string) string) {
	for i := range v.Claims {
		for j := range v.Claims[i].Counters {
			x := &v.Claims[i].Counters[j]
			x.Summary = scrub(x.Summary)
			for k := range x.Differences {
				d := &x.Differences[k]
				d.First, d.Second, d.Diff = scrub(d.First), scrub(d.Second), scrub(d.Diff)
			}
		}
	}
	for i := range v.Open {
		v.Open[i].Reason = scrub(v.Open[i].Reason)
	}
}

// Text is the verdict for people.
func (v Verdict) Text() string {
	var b strings.Builder
	for _, c := range v.Claims {
		fmt.Fprintf(&b, "%-18s %s: %s\n", c.Claim, c.Verdict, c.Summary)
		for _, x := range c.Counters {
			x.write(&b)
		}
	}
	for _, line := range Together(v.Open) {
		fmt.Fprintf(&b, "%-18s %s\n", NotDecided, line)
	}
	b.WriteString(v.Verdict)
	if v.Verdict == Proved {
		fmt.Fprintf(&b, " (%d %s, %d %s)", v.Orders, Plural(v.Orders, "order"), v.Resources, Plural(v.Resources, "resource"))
		if n := len(v.Open); n > 0 {
			fmt.Fprintf(&b, "; %d not decided", n)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// Together lists what was not decided: of many with the same reason, some.
func Together(open []Open) []string {
	const some = 3
	names := map[string][]string{}
	for _, o := range open {
		names[o.Reason] = append(names[o.Reason], o.Name)
	}
	var lines []string
	for _, o := range open {
		all := names[o.Reason]
		if all == nil {
			continue
		}
		more := ""
		if n := len(all) - some; n > 0 {
			all, more = all[:some], fmt.Sprintf(" and %d more", n)
		}
		lines = append(lines, strings.Join(all, ", ")+more+": "+o.Reason)
		names[o.Reason] = nil
	}
	return lines
}

// Plural is the word for n of a thing.
func Plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func (x Counter) write(b *strings.Builder) {
	const indent = "    "
	fmt.Fprintf(b, "%s%s\n", indent, strings.ReplaceAll(x.Summary, "\n", "\n"+indent))
	for _, r := range x.Resources {
		fmt.Fprintf(b, "%s  %s: %s\n", indent, r.Pos, r.Address)
	}
	for i, d := range x.Differences {
		if i == 10 {
			fmt.Fprintf(b, "%s  and %d more\n", indent, len(x.Differences)-i)
			break
		}
		fmt.Fprintf(b, "%s  %s: %s, or %s\n", indent, d.Name, d.First, d.Second)
		for line := range strings.Lines(d.Diff) {
			fmt.Fprintf(b, "%s    %s\n", indent, strings.TrimSuffix(line, "\n"))
		}
	}
	if x.Missing != "" {
		fmt.Fprintf(b, "%s  missing: %s\n", indent, x.Missing)
	}
	if x.Again != "" {
		fmt.Fprintf(b, "%s  again: %s\n", indent, x.Again)
	}
}
