package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/nodeapply/apply/graph/section"
	"github.com/nodeapply/apply/resources"
)

// Section is what hangs together inside one limit: resources of which some come after others. A node that has entered with one of them
// stays inside until all of them have ended. Resources of one limit that have no order among them are sections of their own.
type Section struct {
	Limit   int // its vertex
	Name    string
	Members []int // their vertices, ascending
}

// Sections lists the sections that a vertex is in, in the order in which their limits are entered: that of the names, on every node.
func (c *Catalog) Sections(v int) []*Section { return c.sections[v] }

// limit is a limit and what is declared to be inside it.
type limit struct {
	vertex  int
	name    string
	members map[int]Pos // with the place of the reference
}

// inside takes in that to is inside the limits from.
func (b *builder) inside(r *Relation, from, to []int) {
	for _, l := range from {
		e := b.entries[l]
		limiter, ok := e.Resource.(resources.Limiter)
		switch {
		case e.Off:
			continue
		case e.Deferred != nil:
			b.problems = append(b.problems, Problem{Pos: r.Pos, Also: []Pos{e.Pos}, Summary: "limit known too late",
				Detail: fmt.Sprintf("%s at %s is made of values that only the run gives; a limit must be known before.", e.Addr, e.Pos)})
			continue
		case !ok:
			b.problems = append(b.problems, Problem{Pos: r.Pos, Also: []Pos{e.Pos}, Summary: "not a limit",
				Detail: fmt.Sprintf("%s is no limit; want `limit.NAME`, or a list of such references.", e.Addr)})
			continue
		}
		if b.limits[l] == nil {
			if b.limits == nil {
				b.limits = map[int]*limit{}
			}
			b.limits[l] = &limit{vertex: l, name: limitName(e, limiter), members: map[int]Pos{}}
		}
		for _, v := range to {
			m := b.entries[v]
			if _, nested := m.Resource.(resources.Limiter); nested || m.Off || m.Noop {
				continue
			}
			if m.Awaits {
				b.problems = append(b.problems, acrossWait(b.limits[l], r.Pos, m))
				continue
			}
			b.limits[l].members[v] = r.Pos
		}
	}
}

// limitName is the name by which all nodes know a limit.
func limitName(e *Entry, l resources.Limiter) string {
	if r, ok := l.(resources.Identified); ok {
		for _, id := range r.Provides() {
			return id.Name
		}
	}
	return e.Addr.String()
}

func acrossWait(l *limit, pos Pos, wait *Entry) Problem {
	return Problem{Pos: pos, Also: []Pos{wait.Pos}, Summary: "limit held across a wait", Detail: fmt.Sprintf(
		"limit.%s, entered at %s, would be held across %s at %s: the nodes that it waits for could be kept out by it. End the limit before the wait; what comes after it takes a limit of its own.",
		l.name, pos, wait.Addr, wait.Pos)}
}

// sections divides the members of each limit into what hangs together, and refuses what could make nodes wait for each other for good:
// a wait in between, and a limit in between that others enter first.
func (b *builder) sections() map[int][]*Section {
	if len(b.limits) == 0 {
		return nil
	}
	limits := slices.SortedFunc(maps.Values(b.limits), func(x, y *limit) int {
		return cmp.Or(cmp.Compare(x.name, y.name), cmp.Compare(x.vertex, y.vertex))
	})
	divider := section.NewDivider(b.order.Graph())
	out := map[int][]*Section{}
	for _, l := range limits {
		for _, found := range divider.Divide(slices.Sorted(maps.Keys(l.members))) {
			s := &Section{Limit: l.vertex, Name: l.name, Members: found.Members}
			for _, m := range s.Members {
				out[m] = append(out[m], s)
			}
			if len(s.Members) > 1 {
				b.between(l, found, limits, divider)
			}
		}
	}
	return out
}

// between looks at what may be waited for while the section's place is held: what is amid its members.
func (b *builder) between(l *limit, s *section.Section, limits []*limit, divider *section.Divider) {
	pos := l.members[s.First[0]]
	for v, e := range b.entries {
		if e.Awaits && !e.Off && !e.Noop && divider.Amid(v, s) {
			b.problems = append(b.problems, acrossWait(l, pos, e))
		}
	}
	for _, other := range limits {
		if other.name >= l.name {
			break
		}
		for _, v := range slices.Sorted(maps.Keys(other.members)) {
			if divider.Amid(v, s) {
				b.problems = append(b.problems, Problem{Pos: pos, Also: []Pos{other.members[v]}, Summary: "limits in the wrong order", Detail: fmt.Sprintf(
					"limit.%s, entered at %s, would be held while %s at %s enters limit.%s. Every node enters limits in the order of their names, so that none wait for each other: rename one of them.",
					l.name, pos, b.entries[v].Addr, other.members[v], other.name)})
				break
			}
		}
	}
}
