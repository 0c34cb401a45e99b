package graph

import (
	"context"
	"math/rand/v2"
	"slices"
)

// WalkInOrder visits every vertex of an acyclic graph after its predecessors, one at a time and without slots: of those that are ready the one that is
// first in order, which lists all vertices. An order that keeps all edges is followed as it is.
func (g *Graph) WalkInOrder(ctx context.Context, order []int, vis Visitor) {
	rank := make([]int, len(order))
	for i, v := range order {
		rank[v] = i
	}
	in := g.indegrees()
	var ready minHeap // of ranks
	for v, n := range in {
		if n == 0 {
			vis.Ready(v)
			ready.push(rank[v])
		}
	}
	for len(ready) > 0 {
		v := order[ready.pop()]
		vis.Visit(ctx, v, Slot{})
		vis.Done(v)
		for _, e := range g.succ[v] {
			if in[e.To]--; in[e.To] == 0 {
				vis.Ready(e.To)
				ready.push(rank[e.To])
			}
		}
	}
}

// RandomOrder lists the vertices so that each comes after its predecessors: any such order may come.
func (g *Graph) RandomOrder(rnd *rand.Rand) []int {
	in := g.indegrees()
	var ready []int
	for v, n := range in {
		if n == 0 {
			ready = append(ready, v)
		}
	}
	order := make([]int, 0, len(in))
	for len(ready) > 0 {
		i := rnd.IntN(len(ready))
		v := ready[i]
		ready = slices.Delete(ready, i, i+1)
		order = append(order, v)
		for _, e := range g.succ[v] {
			if in[e.To]--; in[e.To] == 0 {
				ready = append(ready, e.To)
			}
		}
	}
	return order
}
