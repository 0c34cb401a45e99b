package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
)

// cycles reports cycles, each with its edges' places.
func (b *builder) cycles(relations []Relation) {
	const most = 20
	for _, c := range b.order.Graph().Cycles(most) {
		p := Problem{Summary: "dependency cycle"}
		var names []string
		for _, v := range c {
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
		needs, undone := b.needs(c)
		if undone != "" {
			p.Summary, p.Detail = "needs what is removed", undone+". Only one of them can be what the node should have: change one of the two."
		} else {
			p.Detail = fmt.Sprintf("%s: each would have to come before the next; remove one of these relations.%s", strings.Join(names, " -> "), b.origins(c, relations))
			if len(needs) > 0 {
				p.Detail += " By themselves: " + strings.Join(needs, "; ") + "."
			}
		}
		b.problems = append(b.problems, p)
	}
}

// origins says where the relations of a cycle are written.
func (b *builder) origins(cycle []int, relations []Relation) string {
	on := make(map[int]bool, len(cycle))
	for _, v := range cycle {
		on[v] = true
	}
	touches := func(a resources.Address) bool {
		for _, v := range b.index.Find(a) {
			if on[v] {
				return true
			}
		}
		return false
	}
	var places []string
	for _, r := range relations {
		if r.Pos.Line != 0 && touches(r.From) && touches(r.To) {
			places = append(places, fmt.Sprintf("%s before %s at %s", r.From, r.To, r.Pos))
		}
	}
	if len(places) == 0 {
		return ""
	}
	return " Declared: " + strings.Join(places, "; ") + "."
}

// needs says which entries of a cycle come after the one before them without being told to, and why. Undone is one that needs what the other sees gone,
// which no order helps against.
func (b *builder) needs(cycle []int) (needs []string, undone string) {
	entries := slices.DeleteFunc(slices.Clone(cycle), func(v int) bool { return v >= len(b.entries) })
	for i, v := range entries {
		w := entries[(i+len(entries)-1)%len(entries)]
		first, second := b.entries[w], b.entries[v]
		id, ok := b.need(w, v)
		if !ok {
			if id, ok := b.need(v, w); ok && turned(id, second, first) {
				needs = append(needs, fmt.Sprintf("%s is removed after %s", second.Addr, first.Addr))
			}
			continue
		}
		account := id.Kind == "user" || id.Kind == "group"
		switch {
		case account && absent(second):
			needs = append(needs, fmt.Sprintf("%s is removed after %s", second.Addr, first.Addr))
		case account && absent(first):
			return nil, fmt.Sprintf("%s at %s needs the %s %s, which %s at %s removes", second.Addr, second.Pos, id.Kind, id.Name, first.Addr, first.Pos)
		case id.Nearest:
			needs = append(needs, fmt.Sprintf("%s needs %s", second.Addr, id.Name))
		default:
			needs = append(needs, fmt.Sprintf("%s needs the %s %s", second.Addr, id.Kind, id.Name))
		}
	}
	return needs, ""
}

// need is what v requires of w; ok is false if there is no such thing.
func (b *builder) need(w, v int) (id resources.Identity, ok bool) {
	r, ok := b.entries[v].known().(resources.Identified)
	if !ok {
		return id, false
	}
	for _, id := range r.Requires() {
		if by, ok := b.provider(id, v); ok && by == w {
			return id, true
		}
		if id.Below && b.providesBelow(w, id.Name) {
			return id, true
		}
	}
	return id, false
}

// providesBelow says whether w provides a path that is below folder.
func (b *builder) providesBelow(w int, folder string) bool {
	r, ok := b.entries[w].known().(resources.Identified)
	return ok && slices.ContainsFunc(r.Provides(), func(id resources.Identity) bool {
		return id.Kind == "path" && strings.HasPrefix(id.Name, strings.TrimSuffix(folder, "/")+"/")
	})
}

// turned says whether second, which is to go, goes after first, which is in it and is to go too: otherwise it would come before it.
func turned(id resources.Identity, second, first *Entry) bool {
	return (id.Kind == "path" || id.Kind == "mount") && absent(first) && absent(second)
}

func absent(e *Entry) bool {
	a, ok := e.known().(resources.Absentee)
	return ok && a.Absent()
}
