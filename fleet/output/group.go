package output

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/report"
)

// Said is what one node printed, and a note on how it ended, "" for well.
type Said struct {
	Node string
	Text []byte
	Key  string // the same for those that said the same
	Note string
}

// Group is nodes that said the same.
type Group struct {
	Nodes []string
	Text  []byte
	Note  string
}

// Gather groups what is the same: the largest group first, of groups of one size the one with the first node.
func Gather(all []Said) []Group {
	byKey := map[string]*Group{}
	var order []*Group
	for _, s := range all {
		key := s.Key + "\x00" + s.Note
		g, ok := byKey[key]
		if !ok {
			g = &Group{Text: s.Text, Note: s.Note}
			byKey[key] = g
			order = append(order, g)
		}
		g.Nodes = append(g.Nodes, s.Node)
	}
	out := make([]Group, len(order))
	for i, g := range order {
		slices.SortFunc(g.Nodes, nodeset.Compare)
		out[i] = *g
	}
	slices.SortStableFunc(out, func(a, b Group) int {
		return cmp.Or(len(b.Nodes)-len(a.Nodes), nodeset.Compare(a.Nodes[0], b.Nodes[0]))
	})
	return out
}

// Title is n[01-03] (3), with the note.
func (g Group) Title() string {
	s := nodeset.Fold(g.Nodes)
	if len(g.Nodes) > 1 {
		s += fmt.Sprintf(" (%d)", len(g.Nodes))
	}
	if g.Note != "" {
		s += ": " + g.Note
	}
	return s
}

// WriteGroups prints each group below its names.
func WriteGroups(w io.Writer, groups []Group, terminal bool) error {
	var b bytes.Buffer
	for _, g := range groups {
		rule := strings.Repeat("-", min(max(len(g.Title()), 15), 72))
		fmt.Fprintf(&b, "%s\n%s\n%s\n", rule, g.Title(), rule)
		b.Write(shown(g.Text, terminal))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// WriteDiff prints the largest group's names, and how each other group differs from it.
func WriteDiff(w io.Writer, groups []Group, terminal bool) error {
	var b bytes.Buffer
	for i, g := range groups {
		if i == 0 {
			fmt.Fprintf(&b, "%s\n", same(groups))
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", g.Title())
		b.Write(shown(difference(groups[0], g), terminal))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// difference is how one group's text differs from another's. Bytes that are no text are not printed, and of texts that are the same as far as they are kept it
// is said that they differ.
func difference(a, b Group) []byte {
	from, to := nodeset.Fold(a.Nodes), nodeset.Fold(b.Nodes)
	switch {
	case bytes.Equal(a.Text, b.Text):
		if a.Note != b.Note {
			return nil // that is how they differ
		}
		return fmt.Appendf(nil, "%s and %s differ in what is not kept of them\n", from, to)
	case bytes.IndexByte(a.Text, 0) >= 0, bytes.IndexByte(b.Text, 0) >= 0:
		return fmt.Appendf(nil, "Binary outputs of %s and %s differ\n", from, to)
	}
	return diff.Diff(from, a.Text, to, b.Text)
}

// same says who is in the largest group, which others are compared with.
func same(groups []Group) string {
	text, them := Group{Nodes: groups[0].Nodes}.Title(), "it"
	if len(groups[0].Nodes) > 1 {
		text, them = text+" agree", "them"
	}
	if len(groups) > 1 {
		text += "; the others are compared with " + them
	}
	if note := groups[0].Note; note != "" {
		text += ": " + note
	}
	return text
}

// shown is a text with whole lines, escaped for a terminal.
func shown(text []byte, terminal bool) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if terminal {
			line = []byte(report.Printable(string(line)))
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes()
}
