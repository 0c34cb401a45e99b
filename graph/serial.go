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
	todo := g.countdown()
	var ready minHeap // of ranks
	for v := range todo.first() {
		vis.Ready(v)
		ready.push(rank[v])
	}
	for len(ready) > 0 {
		v := order[ready.pop()]
		vis.Visit(ctx, v, Slot{})
		vis.Done(v)
		for next := range todo.after(v) {
			vis.Ready(next)
			ready.push(rank[next])
		}
	}
}

// RandomOrder lists the vertices so that each comes after its predecessors: any such order may come.
func (g *Graph) RandomOrder(rnd *rand.Rand) []int {
	todo := g.countdown()
	ready := slices.Collect(todo.first())
	order := make([]int, 0, g.Len())
	for len(ready) > 0 {
		i := rnd.IntN(len(ready))
		v := ready[i]
		ready = slices.Delete(ready, i, i+1)
		order = append(order, v)
		ready = slices.AppendSeq(ready, todo.after(v))
	}
	return order
}
