// Package prediction is what the first walk of a converge has found, and what of it the second one has to look at again.
package prediction

import (
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/fate"
	"github.com/nodeapply/apply/engine/internal/visit"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Prediction has the fates of all vertices, as the first walk left them.
type Prediction struct {
	*fate.Fates
	refused map[resources.Address]error
	again   []bool // which vertices are visited again; the others keep what was predicted
	first   *First
}

// First is a resource that looks only at files, the first of these that was seen to differ, and what was found of it: the same would be found again until
// the run changes something. Of all that differ together it would be too much to keep.
type First struct {
	Vertex  int
	Finding visit.Finding
}

// New has looked at again what is to change, what could not be predicted, and all that comes after these. LeftOut says which entries are no part of the
// run. Approve, if not nil, is asked about each result, for a block of which the instances are known about each of theirs. First may be nil.
func New(c *catalog.Catalog, found *fate.Fates, leftOut func(v int) bool, approve func(*report.Result) error, first *First) *Prediction {
	p := &Prediction{Fates: found, refused: map[resources.Address]error{}}
	if approve != nil {
		for _, res := range found.Results() {
			if err := approve(res); err != nil {
				p.refused[res.Address] = err
			}
		}
	}
	var from []int
	for v := range c.Entries() {
		st := found.Of(v)
		if leftOut(v) || st.Stuck {
			continue
		}
		if st.Changed || st.Failed && st.Cause == int32(v)+1 || slices.ContainsFunc(st.Results, p.open) {
			from = append(from, v)
		}
	}
	p.again = c.Graph().Reach(from...)
	if first != nil && !p.before(c.Graph(), first.Vertex) {
		p.first = first
	}
	p.forget()
	return p
}

// open says of a result that the second walk has something to do, if only to say why it does not.
func (p *Prediction) open(res *report.Result) bool {
	return res.Outcome == report.Pending || len(res.NotifiedBy) > 0 || p.refused[res.Address] != nil
}

// before says whether something is visited again before v.
func (p *Prediction) before(g *graph.Graph, v int) bool {
	for u, again := range p.again {
		if again && slices.ContainsFunc(g.Succ(u), func(e graph.Edge) bool { return e.To == v }) {
			return true
		}
	}
	return false
}

// forget lets go of the changes of what is looked at again: the contents in them may be most of what a run holds in memory.
func (p *Prediction) forget() {
	for v := range p.again {
		if p.Kept(v) == nil {
			for _, res := range p.Of(v).Results {
				res.Changes = nil
			}
		}
	}
}

// Kept is the fate of a vertex that is not looked at again, or cannot be because an abandoned attempt still uses the resource; else nil.
func (p *Prediction) Kept(v int) *fate.Fate {
	if st := p.Of(v); !p.again[v] || st.Stuck {
		return st
	}
	return nil
}

// Left is how many vertices are looked at again.
func (p *Prediction) Left() (n int) {
	for v := range p.again {
		if p.Kept(v) == nil {
			n++
		}
	}
	return n
}

// Refused is why the result of a resource was not approved; nil if it was.
func (p *Prediction) Refused(a resources.Address) error { return p.refused[a] }

// Foreseen is what was found at v, if that holds until the run changes something; nil if it has to be looked at anyway.
func (p *Prediction) Foreseen(v int) *visit.Finding {
	if p.first == nil || p.first.Vertex != v {
		return nil
	}
	return &p.first.Finding
}
