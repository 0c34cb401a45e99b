package catalog

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/catalog/internal/order"
	"github.com/nodeapply/apply/resources"
)

// Beside is a deferred entry of which only the run tells which paths it declares, some of them perhaps where another entry touches what nobody names.
type Beside struct {
	Vertex int
	Before bool // the values that it needs are there when the other entry is visited
}

// Beside lists the deferred entries that the entry at v has to know of.
func (c *Catalog) Beside(v int) []Beside { return c.beside[v] }

// Survey lets r, if it touches more than it names, learn what is declared: what is known before the run, and what late says. The resources of the catalog
// have been told where nothing is late; those that a deferred entry is bound to have to be.
func (c *Catalog) Survey(r resources.Resource, late resources.Declared) {
	if s, ok := r.(resources.Surveyor); ok {
		s.Survey(func() resources.Declared {
			d := late
			d.Paths, d.Parts = c.paths(), c.touched()
			return d
		})
	}
}

// survey tells all resources. The paths and parts are collected when the first asks.
func (c *Catalog) survey() {
	c.paths = sync.OnceValue(func() []string {
		var names []string
		for _, e := range c.entries {
			names = append(names, Paths(e)...)
		}
		slices.Sort(names)
		return names
	})
	c.touched = sync.OnceValue(func() []string {
		var names []string
		for _, ts := range c.Touches() {
			for _, t := range ts {
				switch t.How {
				case resources.Makes, resources.Writes, resources.Edits, resources.Mounts:
					names = append(names, t.Path)
				}
			}
		}
		slices.Sort(names)
		return slices.Compact(names)
	})
	for _, e := range c.entries {
		c.Survey(e.Resource, resources.Declared{})
	}
}

// Paths lists the paths that an entry provides, of a deferred one as far as they are known.
func Paths(e *Entry) []string {
	r, ok := e.Known().(resources.Identified)
	if !ok {
		return nil
	}
	var names []string
	for _, id := range r.Provides() {
		if id.Kind == "path" {
			names = append(names, id.Name)
		}
	}
	return names
}

// beside finds for each entry that touches what it does not name the deferred ones that may declare something there, and puts it after what these need,
// unless it comes before that.
func (b *builder) beside() map[int][]Beside {
	var late []int
	for v, e := range b.entries {
		if e.Deferred != nil && e.Deferred.Unnamed && len(Paths(e)) > 0 {
			late = append(late, v)
		}
	}
	if late == nil {
		return nil
	}
	out := map[int][]Beside{}
	for v, e := range b.entries {
		where := covers(e)
		if where == "" {
			continue
		}
		var after []bool // v
		for _, w := range late {
			begins := b.entries[w].Deferred.Begins
			if !strings.HasPrefix(begins, where) && !strings.HasPrefix(where, begins) {
				continue
			}
			if after == nil {
				after = b.order.Graph().Reach(v)
			}
			out[v] = append(out[v], Beside{w, b.afterNeeds(v, w, after)})
		}
	}
	return out
}

// covers is what the paths begin with that e touches and does not name, "" if it touches none.
func covers(e *Entry) string {
	s, ok := e.Known().(resources.Surveyor)
	switch {
	case !ok:
	case e.Deferred != nil && (e.Deferred.Repeated || e.Deferred.Unnamed): // it may be any of those
		return cmp.Or(e.Deferred.Begins, "/")
	case s.Covers() != "":
		return strings.TrimSuffix(s.Covers(), "/") + "/"
	}
	return ""
}

// afterNeeds puts v after what the deferred entry at w needs, and says whether that can be: After marks what comes after v.
func (b *builder) afterNeeds(v, w int, after []bool) bool {
	needs := b.entries[w].Deferred.Needs
	if d := b.entries[v].Deferred; d != nil { // it is not known as yet whether it covers anything
		return !slices.ContainsFunc(needs, func(n resources.Address) bool { return !slices.Contains(d.Needs, n) })
	}
	from := b.each(needs)
	if slices.ContainsFunc(from, func(s order.Set) bool { return after[s.Members[0]] }) {
		return false
	}
	for _, f := range from {
		b.order.ConnectSets(f, order.Set{Members: []int{v}}, false)
	}
	return true
}
