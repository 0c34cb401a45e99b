package catalog

import (
	"slices"
	"sync"

	"github.com/nodeapply/apply/resources"
)

// Survey lets r, if it touches more than it names, learn which paths are declared. The resources of the catalog have been told; those
// that a deferred entry is bound to have to be.
func (c *Catalog) Survey(r resources.Resource) {
	if s, ok := r.(resources.Surveyor); ok {
		s.Survey(c.paths)
	}
}

// survey tells all resources. The paths are collected when the first asks.
func (c *Catalog) survey() {
	c.paths = sync.OnceValue(func() []string {
		var names []string
		for _, e := range c.entries {
			r, ok := e.known().(resources.Identified)
			if !ok {
				continue
			}
			for _, id := range r.Provides() {
				if id.Kind == "path" {
					names = append(names, id.Name)
				}
			}
		}
		slices.Sort(names)
		return names
	})
	for _, e := range c.entries {
		c.Survey(e.Resource)
	}
}
