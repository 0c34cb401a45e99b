package catalog

import (
	"fmt"
	"path"
	"strings"

	"github.com/nodeapply/apply/catalog/internal/duplicates"
	"github.com/nodeapply/apply/catalog/internal/index"
	"github.com/nodeapply/apply/catalog/internal/needs"
	"github.com/nodeapply/apply/catalog/internal/order"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

// Catalog is what one node should be. It does not change once made.
type Catalog struct {
	entries   []*Entry
	graph     *graph.Graph
	index     *index.Index
	paths     func() []string // see Survey
	touched   func() []string
	beside    map[int][]Beside
	parts     map[int]order.Part
	relations []Relation
	sections  map[int][]*Section         // by member, see Sections
	owners    map[resources.Identity]int // who alone declares what
}

// Entries lists the resources in declaration order; an entry's index is its vertex. The caller must not change the slice.
func (c *Catalog) Entries() []*Entry { return c.entries }

// Relations lists the relations that were given, in their order. The caller must not change the slice.
func (c *Catalog) Relations() []Relation { return c.relations }

// Graph is the order among the entries. Vertices from len(Entries()) on are barriers, which stand for sets of entries.
func (c *Catalog) Graph() *graph.Graph { return c.graph }

// Clashes says which of the entries that a deferred one has become declare what another of them, or one that was known before, declares
// differently. Two that become known only in the run, of different blocks, are not compared.
func (c *Catalog) Clashes(bound []*Entry) []Problem {
	return duplicates.Clashes(bound, func(id resources.Identity) *Entry {
		if v, ok := c.Owner(id); ok {
			return c.entries[v]
		}
		return nil
	})
}

// Owner is the vertex of the entry that alone provides a thing of the node, if there is one and its values are known before the run.
func (c *Catalog) Owner(id resources.Identity) (v int, ok bool) {
	v, ok = c.owners[id]
	return v, ok && c.entries[v].Deferred == nil
}

// Find returns the vertices that an address stands for: an entry, all instances of a resource, everything in a module.
func (c *Catalog) Find(a resources.Address) []int { return c.index.Find(a) }

// Instance says of a vertex beyond the entries that it stands, before or after it, for one instance of a deferred entry: of which, and which.
func (c *Catalog) Instance(v int) (of int, a resources.Address, ok bool) {
	p, ok := c.parts[v]
	return p.Of, p.Addr, ok
}

// New checks entries, given in declaration order, and relations, and makes the catalog of them. Entries of equal content that declare the same thing are merged.
// With problems there is no catalog. Empty says of an address that stands for no entry whether the manifest declares it all the same
// (count = 0, a module without resources): what comes before it comes before what comes after it all the same.
func New(entries []*Entry, relations []Relation, empty func(resources.Address) bool) (*Catalog, []Problem) {
	merged := duplicates.Merge(entries)
	b := &builder{entries: merged.Entries, empty: empty, problems: merged.Problems}
	addrs, known := make([]resources.Address, len(b.entries)), make([]resources.Resource, len(b.entries))
	for v, e := range b.entries {
		addrs[v], known[v] = e.Addr, e.Known()
	}
	b.index, b.needs = index.New(addrs, merged.Alias), needs.New(known, merged.Owners)
	b.order = order.New(len(b.entries), len(relations))
	for v, e := range b.entries {
		if e.Deferred != nil && e.Deferred.Repeated {
			b.index.Open(v)
		}
	}
	for i := range relations {
		b.relate(&relations[i])
	}
	for v, e := range b.entries {
		if e.Deferred != nil {
			b.deferred(v, e)
		}
	}
	b.needs.Connect(b.order)
	for v, e := range b.entries {
		if d := e.Deferred; d != nil && d.Unnamed && path.IsAbs(d.Begins) {
			b.needs.Within(b.order, path.Dir(d.Begins), v)
		}
	}
	beside := b.beside()
	b.cycles(relations)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	c := &Catalog{entries: b.entries, relations: relations, graph: b.order.Graph(), index: b.index, parts: b.order.Parts(), beside: beside, sections: b.sections(), owners: merged.Owners}
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	c.survey()
	return c, nil
}

type builder struct {
	entries  []*Entry
	index    *index.Index
	order    *order.Order
	needs    *needs.Needs
	limits   map[int]*limit
	empty    func(resources.Address) bool
	problems []Problem
}

// relate resolves both ends of a relation. Ends that stand for many entries go through a barrier, shared by all relations that name the same set.
func (b *builder) relate(r *Relation) {
	if r.From == r.To {
		b.problems = append(b.problems, Problem{Pos: r.Pos, Summary: "dependency cycle", Detail: fmt.Sprintf("%s would have to come before itself; remove this relation.", r.From)})
		return
	}
	from, to := b.set(r.From), b.set(r.To)
	named := from
	if r.Target {
		named = to
	}
	if named.Members == nil && !b.empty(named.Addr) {
		b.problems = append(b.problems, b.undeclared(named.Addr, r.Pos))
		return
	}
	if r.Kind == Inside && from.Members != nil && to.Members != nil {
		b.inside(r, from.Members, to.Members)
	}
	b.order.ConnectSets(from, to, r.Kind == Notify)
}

// set is what an address stands for.
func (b *builder) set(a resources.Address) order.Set {
	s := order.Set{Addr: a, Members: b.index.Find(a)}
	if len(s.Members) == 1 && a.Instance != "" {
		e := b.entries[s.Members[0]]
		s.Part = e.Deferred != nil && e.Deferred.Repeated
	}
	return s
}

// undeclared is the problem of a reference to what is not there.
func (b *builder) undeclared(a resources.Address, pos Pos) Problem {
	p := Problem{Pos: pos, Summary: "reference to undeclared resource", Detail: fmt.Sprintf("no %s is declared", a)}
	if all := (resources.Address{Module: a.Module, Type: a.Type, Title: a.Title}); a.Instance != "" {
		switch there := b.index.Find(all); {
		case len(there) > 0 && b.entries[there[0]].Addr.Instance == "":
			p.Detail += fmt.Sprintf(": %s has neither for_each nor count", all)
		case len(there) > 0:
			p.Detail += fmt.Sprintf(": of %s there is %s", all, b.instances(there))
		}
	}
	if near := b.index.Nearest(a); near != "" {
		p.Detail += fmt.Sprintf("; did you mean `%s`?", near)
	} else {
		p.Detail += "."
	}
	return p
}

// instances lists a few of the instances at vertices, as references name them.
func (b *builder) instances(at []int) string {
	const few = 5
	var names []string
	for _, v := range at[:min(few, len(at))] {
		names = append(names, b.entries[v].Addr.Instance)
	}
	if more := len(at) - few; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// deferred orders a deferred block after the resources whose late values it uses.
func (b *builder) deferred(v int, e *Entry) {
	for _, from := range b.each(e.Deferred.Needs) {
		if from.Members[0] != v {
			b.order.ConnectSets(from, order.Set{Members: []int{v}}, false)
		}
	}
}

// each is what addresses stand for, one vertex after the other.
func (b *builder) each(addrs []resources.Address) []order.Set {
	var out []order.Set
	for _, a := range addrs {
		set := b.set(a)
		for _, v := range set.Members {
			out = append(out, order.Set{Addr: a, Members: []int{v}, Part: set.Part})
		}
	}
	return out
}
