// Package graph is an ordered directed acyclic graph and the walk over it. It knows nothing of resources. To read it, begin with [Visitor] and [Graph.Walk].
//
// Vertices are the integers from 0 in the order in which they were declared, and that order breaks every tie: who needs names keeps
// them in a slice beside the graph. A walk over 100,000 vertices then costs no hashing.
package graph

import (
	"iter"
	"slices"
)

// Graph is a directed graph. The zero value is an empty one. It must not change during a walk.
type Graph struct {
	succ [][]Edge
}

// Edge leads to the vertex To. Notify marks an edge along which more than order is passed on.
type Edge struct {
	To     int
	Notify bool
}

// New returns a graph of n vertices and no edges.
func New(n int) *Graph { return &Graph{succ: make([][]Edge, n)} }

// AddVertex adds a vertex after all others and returns it.
func (g *Graph) AddVertex() int {
	g.succ = append(g.succ, nil)
	return len(g.succ) - 1
}

// Connect lets from come before to.
func (g *Graph) Connect(from, to int, notify bool) {
	g.succ[from] = append(g.succ[from], Edge{To: to, Notify: notify})
}

// Len is the number of vertices.
func (g *Graph) Len() int { return len(g.succ) }

// Succ lists the edges that leave v, in the order in which they were made. The caller must not change the slice.
func (g *Graph) Succ(v int) []Edge { return g.succ[v] }

// countdown has for each vertex of a graph how many edges lead to it from vertices that have not ended.
type countdown struct {
	graph    *Graph
	left     []int32
	followed int // edges: a test holds it against their number
}

func (g *Graph) countdown() *countdown {
	left := make([]int32, len(g.succ))
	for _, es := range g.succ {
		for _, e := range es {
			left[e.To]++
		}
	}
	return &countdown{graph: g, left: left}
}

// first are the vertices that are ready from the start, lowest first.
func (c *countdown) first() iter.Seq[int] {
	return func(yield func(int) bool) {
		for v, n := range c.left {
			if n == 0 && !yield(v) {
				return
			}
		}
	}
}

// after ends v, and gives the vertices that are ready then.
func (c *countdown) after(v int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, e := range c.graph.succ[v] {
			c.followed++
			if c.left[e.To]--; c.left[e.To] == 0 && !yield(e.To) {
				return
			}
		}
	}
}

// Order lists the vertices so that each comes after its predecessors, the lowest first where several could come. Vertices on or behind
// a cycle are left out.
func (g *Graph) Order() []int {
	todo := g.countdown()
	var ready minHeap
	for v := range todo.first() {
		ready.push(v)
	}
	order := make([]int, 0, g.Len())
	for len(ready) > 0 {
		v := ready.pop()
		order = append(order, v)
		for next := range todo.after(v) {
			ready.push(next)
		}
	}
	return order
}

// Reverse returns the graph with every edge turned round.
func (g *Graph) Reverse() *Graph {
	r := New(len(g.succ))
	for v, es := range g.succ {
		for _, e := range es {
			r.Connect(e.To, v, e.Notify)
		}
	}
	return r
}

// Reach marks the vertices that can be reached from the given ones, these included.
func (g *Graph) Reach(from ...int) []bool {
	seen := make([]bool, len(g.succ))
	stack := slices.Clone(from)
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[v] {
			continue
		}
		seen[v] = true
		for _, e := range g.succ[v] {
			if !seen[e.To] {
				stack = append(stack, e.To)
			}
		}
	}
	return seen
}

// minHeap is a binary heap of vertices, lowest first. container/heap would box every int.
type minHeap []int

func (h *minHeap) push(v int) {
	*h = append(*h, v)
	s := *h
	for i := len(s) - 1; i > 0; {
		p := (i - 1) / 2
		if s[p] <= s[i] {
			break
		}
		s[p], s[i] = s[i], s[p]
		i = p
	}
}

func (h *minHeap) pop() int {
	s := *h
	top := s[0]
	n := len(s) - 1
	s[0] = s[n]
	s = s[:n]
	*h = s
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && s[c+1] < s[c] {
			c++
		}
		if s[i] <= s[c] {
			break
		}
		s[i], s[c] = s[c], s[i]
		i = c
	}
	return top
}
