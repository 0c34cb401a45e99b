package html

import (
	"slices"

	"github.com/nodeapply/apply/report"
)

// path is the critical path of a run: the chain of resources, each before the next, that took longest. However many had run at a time, the run
// would not have been shorter.
type path struct {
	on     []int     // results, in order
	length float64   // milliseconds
	slack  []float64 // by result: milliseconds by which it could have taken longer without making the path longer
}

// criticalPath finds the path among n vertices; those that are no results take no time.
func criticalPath(r *report.Report, n int) path {
	took := make([]float64, n)
	for i, res := range r.Results {
		took[i] = res.DurationMS
	}
	succs, order := topological(r.Edges, n)
	// before and after are how long the longest chains to and from a vertex take, the vertex left out.
	before, after, via := make([]float64, n), make([]float64, n), make([]int, n)
	for v := range via {
		via[v] = -1
	}
	for _, v := range order {
		for _, w := range succs[v] {
			if t := before[v] + took[v]; t > before[w] || via[w] < 0 {
				before[w], via[w] = t, v
			}
		}
	}
	for _, v := range slices.Backward(order) {
		for _, w := range succs[v] {
			after[v] = max(after[v], after[w]+took[w])
		}
	}
	p := path{on: []int{}, slack: make([]float64, len(r.Results))}
	last := -1
	for v := range n {
		if t := before[v] + took[v]; t > p.length || last < 0 {
			p.length, last = t, v
		}
	}
	for v := last; v >= 0; v = via[v] {
		if v < len(r.Results) {
			p.on = append(p.on, v)
		}
	}
	slices.Reverse(p.on)
	for i := range r.Results {
		p.slack[i] = round(max(0, p.length-before[i]-took[i]-after[i]))
	}
	p.length = round(p.length)
	return p
}

// topological lists the successors of each vertex, and the vertices so that each comes after its predecessors.
func topological(edges []report.Edge, n int) (succs [][]int, order []int) {
	succs = make([][]int, n)
	waits := make([]int, n)
	for _, e := range edges {
		if e.From != e.To && e.From >= 0 && e.To >= 0 {
			succs[e.From] = append(succs[e.From], e.To)
			waits[e.To]++
		}
	}
	for v, w := range waits {
		if w == 0 {
			order = append(order, v)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, w := range succs[order[i]] {
			if waits[w]--; waits[w] == 0 {
				order = append(order, w)
			}
		}
	}
	return succs, order
}
