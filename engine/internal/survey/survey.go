// Package survey tells resources that touch more paths than they name, such as a folder that is purged, what deferred blocks declare there, as far as that is
// known by now.
package survey

import (
	"context"
	"slices"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// Survey is what is told in one walk. It may be used by several goroutines.
type Survey struct {
	Catalog    *catalog.Catalog
	Predicting bool
	// Late looks up the values that only the run gives. Given says whether all that a block needs are there, or never come.
	Late  catalog.Values
	Given func(d *catalog.Deferred) bool

	mu       sync.Mutex
	declared map[int][]string // the paths of what deferred entries become, so far as somebody has asked
}

// Tell tells the resource of e, which the entry at v is or has become.
func (s *Survey) Tell(ctx context.Context, v int, e *catalog.Entry) {
	beside := s.Catalog.Beside(v)
	if len(beside) == 0 && e == s.Catalog.Entries()[v] {
		return // told when the catalog was made
	}
	var d resources.Declared
	for _, b := range beside {
		of := s.Catalog.Entries()[b.Vertex]
		early := b.Before && s.Predicting && !s.Given(of.Deferred)
		if b.Before && !early {
			if names, known := s.declares(ctx, b.Vertex, of); known {
				d.Late = append(d.Late, names...)
				continue
			}
		}
		if d.Unknown != "" && d.After == "" {
			continue
		}
		if d.Unknown, d.After = of.Addr.String(), ""; early {
			d.After = of.Deferred.Needs[0].String()
		}
	}
	slices.Sort(d.Late)
	s.Catalog.Survey(e.Resource, d)
}

// declares lists the paths of what the deferred entry at v becomes, if that is known.
func (s *Survey) declares(ctx context.Context, v int, of *catalog.Entry) (names []string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if names, known = s.declared[v]; known {
		return names, true
	}
	bound, err := of.Deferred.Bind(ctx, s.Late)
	if err != nil {
		return nil, false // it says so itself
	}
	for _, e := range bound {
		names = append(names, catalog.Paths(e)...)
	}
	if s.declared == nil {
		s.declared = map[int][]string{}
	}
	s.declared[v] = names
	return names, true
}
