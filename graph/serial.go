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

// Swaps counts the exchanges of two neighbours by which one order becomes another, see [After].
func Swaps(from, to []int) (n int) {
	_, _, _, n = swaps(from, to, -1)
	return n
}

// After returns the order that is from after the first n exchanges of two neighbours, of those by which it becomes to; and which two were exchanged
// last, as they are in it. Where from and to keep all edges of a graph, so do all orders between them.
func After(from, to []int, n int) (order []int, first, second int) {
	order, first, second, _ = swaps(from, to, n)
	return order, first, second
}

// swaps makes the exchanges until the n-th; all where n is negative.
func swaps(from, to []int, n int) (order []int, first, second, made int) {
	order = slices.Clone(from)
	first, second = -1, -1
	for i, v := range to {
		for j := slices.Index(order[i:], v) + i; j > i; j-- {
			if made == n {
				return order, first, second, made
			}
			order[j-1], order[j] = order[j], order[j-1]
			first, second = order[j-1], order[j]
			made++
		}
	}
	return order, first, second, made
}
