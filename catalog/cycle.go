package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog/internal/needs"
	"github.com/nodeapply/apply/graph/cycles"
	"github.com/nodeapply/apply/resources"
)

// cycles reports cycles, each with its edges' places.
func (b *builder) cycles(relations []Relation) {
	const most = 20
	for _, c := range cycles.Find(b.order.Graph(), most) {
		p := Problem{Summary: "dependency cycle"}
		var names []string
		for _, v := range c {
			if a, ok := b.order.Empty(v); ok {
				names = append(names, a.String())
			}
			if v >= len(b.entries) {
				continue // a barrier: the set shows by its members
			}
			e := b.entries[v]
			names = append(names, e.Addr.String())
			if p.Pos.Line == 0 {
				p.Pos = e.Pos
			} else {
				p.Also = append(p.Also, e.Pos)
			}
		}
		if len(names) > 0 {
			names = append(names, names[0])
		}
		places := b.origins(c, relations)
		if p.Pos.Line == 0 && len(places) > 0 {
			p.Pos = places[0].Pos // of sets without members alone
		}
		told, undone := b.byThemselves(c)
		if undone != "" {
			p.Summary, p.Detail = "needs what is removed", undone+". Only one of them can be what the node should have: change one of the two."
		} else {
			p.Detail = fmt.Sprintf("%s: each would have to come before the next; remove one of these relations.", strings.Join(names, " -> "))
			var declared []string
			for _, r := range places {
				declared = append(declared, fmt.Sprintf("%s before %s at %s", r.From, r.To, r.Pos))
			}
			if len(declared) > 0 {
				p.Detail += " Declared: " + strings.Join(declared, "; ") + "."
			}
			if len(told) > 0 {
				p.Detail += " By themselves: " + strings.Join(told, "; ") + "."
			}
		}
		b.problems = append(b.problems, p)
	}
}

// origins lists the relations of a cycle that are written somewhere.
func (b *builder) origins(cycle []int, relations []Relation) []Relation {
	on := make(map[int]bool, len(cycle))
	without := map[resources.Address]bool{} // members, and on the cycle
	for _, v := range cycle {
		on[v] = true
		if a, ok := b.order.Empty(v); ok {
			without[a] = true
		}
	}
	touches := func(a resources.Address) bool {
		return without[a] || slices.ContainsFunc(b.index.Find(a), func(v int) bool { return on[v] })
	}
	var found []Relation
	for _, r := range relations {
		if r.Pos.Line != 0 && touches(r.From) && touches(r.To) {
			found = append(found, r)
		}
	}
	return found
}

// byThemselves says which entries of a cycle come after the one before them without being told to, and why. Undone is one that needs what the other sees
// gone, which no order helps against.
func (b *builder) byThemselves(cycle []int) (told []string, undone string) {
	entries := slices.DeleteFunc(slices.Clone(cycle), func(v int) bool { return v >= len(b.entries) })
	for i, v := range entries {
		w := entries[(i+len(entries)-1)%len(entries)]
		first, second := b.entries[w], b.entries[v]
		why, id := b.needs.Between(w, v)
		switch {
		case why == needs.Nothing:
		case why == needs.Goes:
			told = append(told, fmt.Sprintf("%s is removed after %s", second.Addr, first.Addr))
		case why == needs.Undone:
			return nil, fmt.Sprintf("%s at %s needs the %s %s, which %s at %s removes", second.Addr, second.Pos, id.Kind, id.Name, first.Addr, first.Pos)
		case id.Nearest:
			told = append(told, fmt.Sprintf("%s needs %s", second.Addr, id.Name))
		default:
			told = append(told, fmt.Sprintf("%s needs the %s %s", second.Addr, id.Kind, id.Name))
		}
	}
	return told, ""
}
