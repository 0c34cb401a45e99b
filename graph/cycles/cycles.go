// Package cycles finds the cycles of a graph.
package cycles

import (
	"slices"

	"github.com/nodeapply/apply/graph"
)

// Find returns cycles such that every vertex on any cycle is on one of those returned, each as its vertices in order, lowest first, at most
// limit of them. A graph without cycles gives none.
func Find(g *graph.Graph, limit int) [][]int {
	var cycles [][]int
	for _, comp := range components(g) {
		inside := make(map[int]bool, len(comp))
		for _, v := range comp {
			inside[v] = true
		}
		covered := make(map[int]bool, len(comp))
		for _, v := range comp {
			if covered[v] {
				continue
			}
			if len(cycles) == limit {
				return cycles
			}
			c := shortest(g, v, inside)
			for _, w := range c {
				covered[w] = true
			}
			cycles = append(cycles, rotate(c))
		}
	}
	return cycles
}

// rotate turns a cycle so that its lowest vertex comes first.
func rotate(c []int) []int {
	low := slices.Index(c, slices.Min(c))
	return slices.Concat(c[low:], c[:low])
}

// shortest finds a shortest way from v back to itself among the vertices inside, by breadth-first search.
func shortest(g *graph.Graph, v int, inside map[int]bool) []int {
	from := map[int]int{}
	queue := []int{v}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		for _, e := range g.Succ(w) {
			if e.To == v {
				var c []int
				for ; w != v; w = from[w] {
					c = append(c, w)
				}
				c = append(c, v)
				slices.Reverse(c)
				return c
			}
			if _, seen := from[e.To]; !seen && inside[e.To] {
				from[e.To] = w
				queue = append(queue, e.To)
			}
		}
	}
	return nil
}

// components returns the strongly connected components that hold a cycle, each sorted, ordered by their lowest vertices (Tarjan's algorithm
// with a stack of its own: a chain of 100,000 vertices must not recurse).
func components(g *graph.Graph) [][]int {
	// Whatever Order reaches lies on no cycle; in the usual case nothing is left.
	order := g.Order()
	if len(order) == g.Len() {
		return nil
	}
	n := g.Len()
	t := tarjan{g: g, index: make([]int32, n), low: make([]int32, n), on: make([]bool, n)}
	for _, v := range order {
		t.index[v] = -1
	}
	for v := range n {
		if t.index[v] == 0 {
			t.visit(v)
		}
	}
	return t.sorted()
}

type tarjan struct {
	g          *graph.Graph
	index, low []int32 // index 0: not seen, -1: on no cycle
	on         []bool
	next       int32
	stack      []int
	comps      [][]int
}

type frame struct{ v, edge int }

func (t *tarjan) visit(root int) {
	frames := []frame{{v: root}}
	t.enter(root)
	for len(frames) > 0 {
		f := &frames[len(frames)-1]
		if f.edge < len(t.g.Succ(f.v)) {
			w := t.g.Succ(f.v)[f.edge].To
			f.edge++
			switch {
			case t.index[w] == 0:
				t.enter(w)
				frames = append(frames, frame{v: w})
			case t.on[w]:
				t.low[f.v] = min(t.low[f.v], t.index[w])
			}
			continue
		}
		v := f.v
		frames = frames[:len(frames)-1]
		if len(frames) > 0 {
			p := frames[len(frames)-1].v
			t.low[p] = min(t.low[p], t.low[v])
		}
		if t.low[v] == t.index[v] {
			t.leave(v)
		}
	}
}

func (t *tarjan) enter(v int) {
	t.next++
	t.index[v], t.low[v] = t.next, t.next
	t.on[v] = true
	t.stack = append(t.stack, v)
}

func (t *tarjan) leave(v int) {
	var comp []int
	for {
		w := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.on[w] = false
		comp = append(comp, w)
		if w == v {
			break
		}
	}
	if len(comp) > 1 || t.loops(v) {
		t.comps = append(t.comps, comp)
	}
}

func (t *tarjan) loops(v int) bool {
	return slices.ContainsFunc(t.g.Succ(v), func(e graph.Edge) bool { return e.To == v })
}

// sorted orders what visit found, which comes in the order in which the search left it.
func (t *tarjan) sorted() [][]int {
	for _, c := range t.comps {
		slices.Sort(c)
	}
	slices.SortFunc(t.comps, func(a, b []int) int { return a[0] - b[0] })
	return t.comps
}
