package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// survey tells a resource at v, if it touches more than it names, what deferred blocks declare there, as far as that is known by now.
func (w *walk) survey(ctx context.Context, v int, e *catalog.Entry) {
	beside := w.cat.Beside(v)
	if len(beside) == 0 && e == w.cat.Entries()[v] {
		return // told when the catalog was made
	}
	var d resources.Declared
	for _, b := range beside {
		of := w.cat.Entries()[b.Vertex]
		names, known := w.declares(ctx, b, of)
		d.Late = append(d.Late, names...)
		if known || d.Unknown != "" && d.After == "" {
			continue
		}
		if d.Unknown, d.After = of.Addr.String(), ""; w.predicted == nil && b.Before && !w.given(of.Deferred) {
			d.After = of.Deferred.Needs[0].String()
		}
	}
	slices.Sort(d.Late)
	w.cat.Survey(e.Resource, d)
}

// declares lists the paths of what a deferred entry becomes, if that is known by now.
func (w *walk) declares(ctx context.Context, b catalog.Beside, of *catalog.Entry) (names []string, known bool) {
	if !b.Before || w.predicted == nil && !w.given(of.Deferred) {
		return nil, false
	}
	w.declared.mu.Lock()
	defer w.declared.mu.Unlock()
	if names, known = w.declared.m[b.Vertex]; known {
		return names, true
	}
	bound, err := of.Deferred.Bind(ctx, w.late.Lookup)
	if err != nil {
		return nil, false // it says so itself
	}
	for _, e := range bound {
		names = append(names, catalog.Paths(e)...)
	}
	if w.declared.m == nil {
		w.declared.m = map[int][]string{}
	}
	w.declared.m[b.Vertex] = names
	return names, true
}

// latePaths are the paths of what deferred entries become, so far as somebody has asked.
type latePaths struct {
	mu sync.Mutex
	m  map[int][]string
}
