// Package graph is an ordered directed acyclic graph and the walk over it. It knows nothing of resources.
//
// Vertices are the integers from 0 in the order in which they were declared, and that order breaks every tie: who needs names keeps
// them in a slice beside the graph. A walk over 100,000 vertices then costs no hashing.
package graph

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

// indegrees counts the edges that enter each vertex.
func (g *Graph) indegrees() []int32 {
	in := make([]int32, len(g.succ))
	for _, es := range g.succ {
		for _, e := range es {
			in[e.To]++
		}
	}
	return in
}

// Order lists the vertices so that each comes after its predecessors, the lowest first where several could come. Vertices on or behind
// a cycle are left out.
func (g *Graph) Order() []int {
	in := g.indegrees()
	var ready minHeap
	for v, n := range in {
		if n == 0 {
			ready.push(v)
		}
	}
	order := make([]int, 0, len(in))
	for len(ready) > 0 {
		v := ready.pop()
		order = append(order, v)
		for _, e := range g.succ[v] {
			if in[e.To]--; in[e.To] == 0 {
				ready.push(e.To)
			}
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
	stack := append([]int(nil), from...)
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
