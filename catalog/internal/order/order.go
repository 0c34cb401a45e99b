// Package order builds the happens-before of a catalog: explicit edges, barriers that stand for sets, and automatic edges, which give way to
// explicit ones.
package order

import (
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

// Order is a graph that is being built.
type Order struct {
	graph    *graph.Graph
	members  int // vertices that are no barriers
	explicit map[edge]bool
	barriers map[barrier]int
	shared   map[resources.Identity]int // the barriers after all that share one
	parts    map[int]Part               // what barriers stand for one of
	empty    map[int]resources.Address  // what barriers stand for that has no members
}

type edge struct{ from, to int }

// Set is one end of a relation: what an address stands for, which may be nothing (count = 0).
type Set struct {
	Addr    resources.Address
	Members []int
	Part    bool // not all of the only member, see [Part]
}

// Part is one instance of what is a single vertex until the run tells what instances there are.
type Part struct {
	Of   int // the vertex
	Addr resources.Address
}

// barrier is a vertex that comes after, or before, all of a set.
type barrier struct {
	set    resources.Address
	after  bool
	notify bool
}

// New returns the Order of n vertices; relations is how many explicit edges are to be expected.
func New(n, relations int) *Order {
	return &Order{graph: graph.New(n), members: n, explicit: make(map[edge]bool, relations)}
}

// Graph is what was built.
func (o *Order) Graph() *graph.Graph { return o.graph }

// Connect makes an explicit edge, once.
func (o *Order) Connect(from, to int, notify bool) {
	e := edge{from, to}
	if had, ok := o.explicit[e]; ok && (had || !notify) {
		return
	}
	o.explicit[e] = notify
	o.graph.Connect(from, to, notify)
}

// Parts says of barriers that they stand for one instance only.
func (o *Order) Parts() map[int]Part { return o.parts }

// Empty says of a barrier that it stands for a set without members, and for which.
func (o *Order) Empty(v int) (a resources.Address, ok bool) {
	a, ok = o.empty[v]
	return a, ok
}

// ConnectSets puts all of one set before all of another, through barriers that are shared by all that name the same set. One that is empty keeps what comes
// before it before what comes after it, and has no news to pass on.
func (o *Order) ConnectSets(from, to Set, notify bool) {
	notify = notify && len(from.Members) > 0 && len(to.Members) > 0
	f := o.barrier(barrier{from.Addr, true, notify}, from)
	t := o.barrier(barrier{to.Addr, false, notify}, to)
	o.Connect(f, t, notify)
}

// barrier returns the vertex that stands for a set: its only member, or a vertex after (or before) all members, or a part of one.
func (o *Order) barrier(b barrier, set Set) int {
	if len(set.Members) == 1 && !set.Part {
		return set.Members[0]
	}
	if len(set.Members) == 0 {
		b.after = false // it is before and after nothing: one is enough
	}
	if v, ok := o.barriers[b]; ok {
		return v
	}
	if o.barriers == nil {
		o.barriers = map[barrier]int{}
	}
	v := o.graph.AddVertex()
	o.barriers[b] = v
	if len(set.Members) == 0 {
		if o.empty == nil {
			o.empty = map[int]resources.Address{}
		}
		o.empty[v] = set.Addr
	}
	if set.Part {
		if o.parts == nil {
			o.parts = map[int]Part{}
		}
		o.parts[v] = Part{Of: set.Members[0], Addr: set.Addr}
	}
	for _, m := range set.Members {
		if b.after {
			o.Connect(m, v, b.notify)
		} else {
			o.Connect(v, m, b.notify)
		}
	}
	return v
}

// Auto adds an automatic edge unless an explicit one says the same or the opposite. False: the opposite.
func (o *Order) Auto(from, to int) bool {
	if from == to || o.reaches(to, from) {
		return false
	}
	if _, ok := o.explicit[edge{from, to}]; !ok {
		o.graph.Connect(from, to, false)
	}
	return true
}

// AutoAll puts v after all that share an identity by automatic edges, through one barrier for each identity.
func (o *Order) AutoAll(id resources.Identity, set []int, v int) {
	for _, w := range set {
		if o.reaches(v, w) {
			// An explicit edge turns one pair round: the barrier would close a cycle, so the others are connected one by one.
			for _, w := range set {
				o.Auto(w, v)
			}
			return
		}
	}
	bar, ok := o.shared[id]
	if !ok {
		if o.shared == nil {
			o.shared = map[resources.Identity]int{}
		}
		bar = o.graph.AddVertex()
		o.shared[id] = bar
		for _, w := range set {
			o.graph.Connect(w, bar, false)
		}
	}
	o.graph.Connect(bar, v, false)
}

// reaches says whether an explicit relation puts from before to, directly or through the barriers of sets.
func (o *Order) reaches(from, to int) bool {
	if _, ok := o.explicit[edge{from, to}]; ok {
		return true
	}
	return len(o.barriers) > 0 && o.throughBarriers(from, to, 0)
}

func (o *Order) throughBarriers(from, to, depth int) bool {
	if depth > 2 {
		return false
	}
	for _, e := range o.graph.Succ(from) {
		if e.To < o.members {
			continue
		}
		if _, ok := o.explicit[edge{e.To, to}]; ok || o.throughBarriers(e.To, to, depth+1) {
			return true
		}
	}
	return false
}
