// Package late keeps the values that only a run gives, of the resources that were visited, for the blocks that use them.
package late

import (
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Values are those that were given. They may be used by several goroutines.
type Values struct {
	mu sync.Mutex
	of map[resources.Address]map[string]any
}

// Lookup is a [catalog.Values].
func (l *Values) Lookup(a resources.Address) (values map[string]any, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	values, ok = l.of[a]
	return values, ok
}

// Visited keeps the values of a resource that has ended so. A prediction knows only those of resources that stay as they are.
func (l *Values) Visited(e *catalog.Entry, outcome report.Outcome, predicting bool) {
	r, ok := e.Resource.(resources.Valued)
	if !ok || predicting && outcome != report.Unchanged {
		return
	}
	values := r.Values()
	if values == nil {
		if predicting {
			return
		}
		values = map[string]any{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[resources.Address]map[string]any{}
	}
	l.of[e.Addr] = values
}

// Given says whether the values of all that needs names are there, or never come in this run because what would give them is left out.
func (l *Values) Given(c *catalog.Catalog, needs []resources.Address, leftOut func(v int) bool) bool {
	for _, need := range needs {
		for _, v := range c.Find(need) {
			e := c.Entries()[v]
			a := e.Addr
			if e.Deferred != nil {
				a = need // which may be one of its instances
			}
			if _, ok := l.Lookup(a); !ok && !e.Off && !leftOut(v) {
				return false
			}
		}
	}
	return true
}
