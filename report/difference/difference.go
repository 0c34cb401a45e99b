// Package difference prints what two revisions of a manifest mean for a node.
package difference

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/report"
)

// Revisions are what is compared.
type Revisions struct {
	From     string `json:"from"` // commits
	To       string `json:"to"`
	Manifest string `json:"manifest"`
}

// Lines of JSON.
type (
	oneSided struct {
		Event string `json:"event"`
		declared.Declared
	}
	changedEvent struct {
		Event string `json:"event"`
		declared.Changed
	}
	edgeEvent struct {
		Event string `json:"event"`
		declared.Edge
	}
	revisionsEvent struct {
		Event string `json:"event"`
		Revisions
	}
	differenceEvent struct {
		Event        string `json:"event"`
		Added        int    `json:"added"`
		Removed      int    `json:"removed"`
		Changed      int    `json:"changed"`
		EdgesAdded   int    `json:"edges_added"`
		EdgesRemoved int    `json:"edges_removed"`
	}
)

// WriteJSON writes one object a line.
func WriteJSON(w io.Writer, r Revisions, d *declared.Difference) error {
	lines := []any{revisionsEvent{"diff", r}}
	for _, r := range d.Removed {
		lines = append(lines, oneSided{"removed", r})
	}
	for _, r := range d.Added {
		lines = append(lines, oneSided{"added", r})
	}
	for _, c := range d.Changed {
		lines = append(lines, changedEvent{"changed", c})
	}
	for _, e := range d.EdgesRemoved {
		lines = append(lines, edgeEvent{"edge_removed", e})
	}
	for _, e := range d.EdgesAdded {
		lines = append(lines, edgeEvent{"edge_added", e})
	}
	lines = append(lines, differenceEvent{"summary", len(d.Added), len(d.Removed), len(d.Changed), len(d.EdgesAdded), len(d.EdgesRemoved)})
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// Text is what people read.
func Text(d *declared.Difference) string {
	b := &strings.Builder{}
	for _, one := range []struct {
		sign string
		list []declared.Declared
	}{{"-", d.Removed}, {"+", d.Added}} {
		for _, r := range one.list {
			fmt.Fprintf(b, "%s %s (%s)\n", one.sign, report.Printable(r.Address.String()), report.Printable(r.Pos))
			for _, v := range r.Attributes {
				fmt.Fprintf(b, "    %s: %s\n", v.Attribute, report.Printable(v.Value))
			}
		}
	}
	for _, c := range d.Changed {
		fmt.Fprintf(b, "~ %s (%s -> %s)\n", report.Printable(c.Address.String()), report.Printable(c.Before), report.Printable(c.After))
		for _, ch := range c.Changes {
			attrText(b, ch)
		}
	}
	for _, one := range []struct {
		sign string
		list []declared.Edge
	}{{"-", d.EdgesRemoved}, {"+", d.EdgesAdded}} {
		for _, e := range one.list {
			word := "before"
			if e.Notify {
				word = "notifies"
			}
			fmt.Fprintf(b, "%s %s %s %s (%s)\n", one.sign, report.Printable(e.From.String()), word, report.Printable(e.To.String()), report.Printable(e.Pos))
		}
	}
	return b.String()
}

func attrText(b *strings.Builder, c declared.AttrChange) {
	places := fmt.Sprintf("(%s -> %s)", report.Printable(c.BeforePos), report.Printable(c.AfterPos))
	if c.Diff == "" {
		fmt.Fprintf(b, "    %s: %s -> %s %s\n", c.Attribute, report.Shown(c.Before), report.Shown(c.After), places)
		return
	}
	fmt.Fprintf(b, "    %s: %s\n", c.Attribute, places)
	for line := range strings.Lines(c.Diff) {
		fmt.Fprintf(b, "        %s\n", report.Printable(strings.TrimSuffix(line, "\n")))
	}
}

// Counts is a line that counts.
func Counts(d *declared.Difference) string {
	if d.Empty() {
		return "the same for this node"
	}
	return fmt.Sprintf("%d added, %d removed, %d changed; relations: %d added, %d removed",
		len(d.Added), len(d.Removed), len(d.Changed), len(d.EdgesAdded), len(d.EdgesRemoved))
}
