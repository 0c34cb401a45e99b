// Package section divides vertices of a graph into sets that hang together by its order.
package section

import (
	"slices"

	"github.com/nodeapply/apply/graph"
)

// Section is a set of vertices that hang together: a way leads from one to another, or from both to a third of them.
type Section struct {
	Members []int // ascending
	First   []int // those of them that none of them comes before
}

// Divider divides sets of vertices of one graph into sections.
type Divider struct {
	graph, back *graph.Graph
	order       []int
}

// NewDivider returns a Divider of g, which has no cycles and does not change any more.
func NewDivider(g *graph.Graph) *Divider { return &Divider{g, g.Reverse(), g.Order()} }

// Divide divides members, which are ascending, into sections, in the order of their lowest members. Ways between members may lead over vertices
// that are none.
func (d *Divider) Divide(members []int) []*Section {
	sets := newDivision(members)
	toward := d.back.Reach(members...)
	behind := map[int]int{} // by vertex: a member that comes before it
	var first []int
	for _, v := range d.order {
		if !toward[v] {
			continue
		}
		before, some := behind[v]
		if sets.member(v) {
			if some {
				sets.join(before, v)
			} else {
				first = append(first, v)
			}
			before, some = v, true
		}
		for _, e := range d.graph.Succ(v) {
			if !some || !toward[e.To] {
				continue
			}
			if other, ok := behind[e.To]; ok {
				sets.join(other, before)
			}
			behind[e.To] = before
		}
	}
	return sets.sections(members, first)
}

// Amid says whether v comes before some members of a section, and not before all.
func (d *Divider) Amid(v int, in *Section) bool {
	reached := d.graph.Reach(v)
	return slices.ContainsFunc(in.Members, func(m int) bool { return reached[m] }) && slices.ContainsFunc(in.Members, func(m int) bool { return !reached[m] })
}

// division joins members to sets: each has the parent that it hangs on, the last one itself.
type division map[int]int

func newDivision(members []int) division {
	d := make(division, len(members))
	for _, m := range members {
		d[m] = m
	}
	return d
}

func (d division) member(v int) bool {
	_, ok := d[v]
	return ok
}

func (d division) find(m int) int {
	if d[m] != m {
		d[m] = d.find(d[m])
	}
	return d[m]
}

func (d division) join(a, b int) { d[d.find(a)] = d.find(b) }

func (d division) sections(members, first []int) []*Section {
	of := map[int]*Section{}
	var out []*Section
	for _, m := range members {
		s := of[d.find(m)]
		if s == nil {
			s = &Section{}
			of[d.find(m)] = s
			out = append(out, s)
		}
		s.Members = append(s.Members, m)
	}
	for _, f := range first {
		s := of[d.find(f)]
		s.First = append(s.First, f)
	}
	return out
}
