package conflict

import (
	"slices"

	"github.com/nodeapply/apply/catalog/conflict/internal/above"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

const noOrder = "no order between two resources"

// order drops the pairs that have an order, and those that get one with another pair's: of what is in a folder that itself has none.
func (f *finder) order() {
	type sides struct{ from, to int }
	seen := map[sides]bool{}
	f.pairs = slices.DeleteFunc(f.pairs, func(p pair) bool {
		s := sides{p.from[0], p.to}
		again := seen[s]
		seen[s] = true
		return again
	})
	ordered := paths(f.graph, f.pairs)
	told := map[sides]bool{}
	for i, p := range f.pairs {
		told[sides{p.from[0], p.to}] = !ordered[i]
	}
	var left []pair
	for i, p := range f.pairs {
		if !ordered[i] && !f.below(p, func(w int) bool { return told[sides{p.from[0], w}] }) {
			left = append(left, p)
		}
	}
	f.pairs = left
}

// below says whether one of the resources that manage the path and the folders above it is among others.
func (f *finder) below(p pair, others func(int) bool) bool {
	for name := range above.Of(p.path) {
		if w, ok := f.provides[resources.Identity{Kind: "path", Name: name}]; ok && w != p.to && others(w) {
			return true
		}
	}
	return false
}

// paths says of each pair whether a path leads from one of from to to, or back. The sources are followed 64 at a time, a bit for each: the cost is that of
// walking the graph twice for every 64 of them.
func paths(g *graph.Graph, pairs []pair) []bool {
	ordered := make([]bool, len(pairs))
	if len(pairs) == 0 {
		return ordered
	}
	bySource := map[int][]int{} // pairs
	var sources []int
	for i, p := range pairs {
		for _, s := range p.from {
			if bySource[s] == nil {
				sources = append(sources, s)
			}
			bySource[s] = append(bySource[s], i)
		}
	}
	order := g.Order()
	after, before := make([]uint64, g.Len()), make([]uint64, g.Len())
	for batch := range slices.Chunk(sources, 64) {
		clear(after)
		clear(before)
		for bit, s := range batch {
			after[s], before[s] = 1<<bit, 1<<bit
		}
		for _, v := range order {
			for _, e := range g.Succ(v) {
				after[e.To] |= after[v]
			}
		}
		for _, v := range slices.Backward(order) {
			for _, e := range g.Succ(v) {
				before[v] |= before[e.To]
			}
		}
		for bit, s := range batch {
			for _, i := range bySource[s] {
				to := pairs[i].to
				ordered[i] = ordered[i] || (after[to]|before[to])&(1<<bit) != 0
			}
		}
	}
	return ordered
}
