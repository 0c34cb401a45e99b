package catalog

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

// Catalog is what one node should be. It does not change once made.
type Catalog struct {
	entries   []*Entry
	graph     *graph.Graph
	index     *index
	paths     func() []string // see Survey
	relations []Relation
	sections  map[int][]*Section         // by member, see Sections
	owners    map[resources.Identity]int // who declares what; nil where nothing is deferred
}

// Entries lists the resources in declaration order; an entry's index is its vertex. The caller must not change the slice.
func (c *Catalog) Entries() []*Entry { return c.entries }

// Relations lists the relations that were given, in their order. The caller must not change the slice.
func (c *Catalog) Relations() []Relation { return c.relations }

// Graph is the order among the entries. Vertices from len(Entries()) on are barriers, which stand for sets of entries.
func (c *Catalog) Graph() *graph.Graph { return c.graph }

// Find returns the vertices that an address stands for: an entry, all instances of a resource, everything in a module.
func (c *Catalog) Find(a resources.Address) []int { return c.index.find(a) }

// New checks entries, given in declaration order, and relations, and makes the catalog of them. Entries of equal content that declare the same thing are merged.
// With problems there is no catalog. Empty says of an address that stands for no entry whether the manifest declares it all the same
// (count = 0, a module without resources); such a reference orders nothing.
func New(entries []*Entry, relations []Relation, empty func(resources.Address) bool) (*Catalog, []Problem) {
	b := &builder{explicit: make(map[edge]bool, len(relations)), empty: empty}
	b.entries = b.merge(entries)
	b.index = newIndex(b.entries, b.alias)
	b.graph = graph.New(len(b.entries))
	for i := range relations {
		b.relate(&relations[i])
	}
	for v, e := range b.entries {
		if e.Deferred != nil {
			b.deferred(v, e)
		}
	}
	b.automatic()
	b.cycles(relations)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	c := &Catalog{entries: b.entries, relations: relations, graph: b.graph, index: b.index, sections: b.sections()}
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	if slices.ContainsFunc(c.entries, func(e *Entry) bool { return e.Deferred != nil }) {
		c.owners = b.owners
	}
	c.survey()
	return c, nil
}

type edge struct{ from, to int }

type builder struct {
	entries  []*Entry
	alias    map[resources.Address]resources.Address // of merged duplicates
	owners   map[resources.Identity]int
	index    *index
	graph    *graph.Graph
	explicit map[edge]bool
	barriers map[barrierKey]int
	limits   map[int]*limit
	empty    func(resources.Address) bool
	problems []Problem
}

// connect makes an explicit edge once.
func (b *builder) connect(from, to int, notify bool) {
	e := edge{from, to}
	if had, ok := b.explicit[e]; ok && (had || !notify) {
		return
	}
	b.explicit[e] = notify
	b.graph.Connect(from, to, notify)
}

// relate resolves both ends of a relation. Ends that stand for many entries go through a barrier, shared by all relations that name the same set.
func (b *builder) relate(r *Relation) {
	from, to := b.index.find(r.From), b.index.find(r.To)
	if from == nil || to == nil {
		missing := r.From
		if r.Target {
			missing = r.To
		}
		if b.index.find(missing) == nil && !b.empty(missing) {
			b.problems = append(b.problems, b.undeclared(missing, r.Pos))
		}
		return
	}
	if r.Kind == Inside {
		b.inside(r, from, to)
	}
	notify := r.Kind == Notify
	f := b.barrier(r.From, from, true, notify)
	t := b.barrier(r.To, to, false, notify)
	b.connect(f, t, notify)
}

type barrierKey struct {
	addr   resources.Address
	after  bool // the barrier comes after its set, else before
	notify bool
}

// barrier returns the vertex that stands for a set: its only member, or a vertex after (or before) all members.
func (b *builder) barrier(a resources.Address, set []int, after, notify bool) int {
	if len(set) == 1 {
		return set[0]
	}
	key := barrierKey{a, after, notify}
	if v, ok := b.barriers[key]; ok {
		return v
	}
	if b.barriers == nil {
		b.barriers = map[barrierKey]int{}
	}
	v := b.graph.AddVertex()
	b.barriers[key] = v
	for _, m := range set {
		if after {
			b.connect(m, v, notify)
		} else {
			b.connect(v, m, notify)
		}
	}
	return v
}

// deferred orders a deferred block after the resources whose late values it uses.
func (b *builder) deferred(v int, e *Entry) {
	for _, need := range e.Deferred.Needs {
		for _, f := range b.index.find(need) {
			if f != v {
				b.connect(f, v, false)
			}
		}
	}
}

// automatic adds the edges that follow from what entries provide and require.
func (b *builder) automatic() {
	shared := map[resources.Identity][]int{}
	ids := make([]resources.Identified, len(b.entries))
	for v, e := range b.entries {
		r, ok := e.known().(resources.Identified)
		if !ok {
			continue
		}
		ids[v] = r
		for _, id := range r.Provides() {
			if id.Shared {
				shared[key(id)] = append(shared[key(id)], v)
			}
		}
	}
	barriers := map[resources.Identity]int{}
	for v, r := range ids {
		if r == nil {
			continue
		}
		for _, id := range r.Requires() {
			if many := shared[key(id)]; len(many) > 0 {
				b.requireAll(v, key(id), many, barriers)
			}
			if w, ok := b.provider(id, v); ok {
				b.connectAuto(w, v)
			}
		}
	}
}

// requireAll puts v after all that share an identity, through one barrier for each identity.
func (b *builder) requireAll(v int, id resources.Identity, many []int, barriers map[resources.Identity]int) {
	for _, w := range many {
		if b.reaches(v, w) {
			// An explicit edge turns one pair round: the barrier would close a cycle, so the others are connected one by one.
			for _, w := range many {
				b.connectAuto(w, v)
			}
			return
		}
	}
	bar, ok := barriers[id]
	if !ok {
		bar = b.graph.AddVertex()
		barriers[id] = bar
		for _, w := range many {
			b.graph.Connect(w, bar, false)
		}
	}
	b.graph.Connect(bar, v, false)
}

// connectAuto adds an automatic edge unless an explicit one says the same or the opposite.
func (b *builder) connectAuto(from, to int) {
	if from == to || b.reaches(to, from) {
		return
	}
	e := edge{from, to}
	if _, ok := b.explicit[e]; ok {
		return
	}
	b.graph.Connect(from, to, false)
}

// reaches says whether an explicit relation puts from before to, directly or through the barriers of sets.
func (b *builder) reaches(from, to int) bool {
	if _, ok := b.explicit[edge{from, to}]; ok {
		return true
	}
	if len(b.barriers) == 0 {
		return false
	}
	return b.throughBarriers(from, to, 0)
}

func (b *builder) throughBarriers(from, to, depth int) bool {
	if depth > 2 {
		return false
	}
	for _, e := range b.graph.Succ(from) {
		if e.To < len(b.entries) {
			continue
		}
		if _, ok := b.explicit[edge{e.To, to}]; ok || b.throughBarriers(e.To, to, depth+1) {
			return true
		}
	}
	return false
}

// key is an identity as it is looked up: without the flags of who provides or requires it.
func key(id resources.Identity) resources.Identity {
	return resources.Identity{Kind: id.Kind, Name: id.Name}
}

// provider finds who provides what v requires: exactly that, or for Nearest the closest managed ancestor of a path.
func (b *builder) provider(id resources.Identity, v int) (int, bool) {
	w, ok := b.owners[key(id)]
	if !id.Nearest {
		return w, ok && w != v
	}
	p := id.Name
	if ok && w == v {
		p = path.Dir(p) // nothing is below itself
	}
	for ; strings.HasPrefix(p, "/"); p = path.Dir(p) {
		// A mount point comes before the folder it covers: what is below it belongs to the mounted file system.
		for _, kind := range [...]string{"mount", id.Kind} {
			if w, ok := b.owners[resources.Identity{Kind: kind, Name: p}]; ok && w != v {
				return w, true
			}
		}
		if p == "/" {
			break
		}
	}
	return 0, false
}

// cycles reports cycles, each with its edges' places.
func (b *builder) cycles(relations []Relation) {
	const most = 20
	for _, c := range b.graph.Cycles(most) {
		p := Problem{Summary: "dependency cycle"}
		var names []string
		for _, v := range c {
			if v >= len(b.entries) {
				continue // a barrier: the set shows by its members
			}
			e := b.entries[v]
			names = append(names, e.Addr.String())
			if p.Pos.Line == 0 {
				p.Pos = e.Pos
			} else {
				p.Also = append(p.Also, e.Pos)
			}
		}
		if len(names) > 0 {
			names = append(names, names[0])
		}
		p.Detail = fmt.Sprintf("%s: each would have to come before the next; remove one of these relations.%s", strings.Join(names, " -> "), b.origins(c, relations))
		b.problems = append(b.problems, p)
	}
}

// origins says where the relations of a cycle are written.
func (b *builder) origins(cycle []int, relations []Relation) string {
	on := make(map[int]bool, len(cycle))
	for _, v := range cycle {
		on[v] = true
	}
	touches := func(a resources.Address) bool {
		for _, v := range b.index.find(a) {
			if on[v] {
				return true
			}
		}
		return false
	}
	var places []string
	for _, r := range relations {
		if r.Pos.Line != 0 && touches(r.From) && touches(r.To) {
			places = append(places, fmt.Sprintf("%s before %s at %s", r.From, r.To, r.Pos))
		}
	}
	if len(places) == 0 {
		return ""
	}
	return " Declared: " + strings.Join(places, "; ") + "."
}
