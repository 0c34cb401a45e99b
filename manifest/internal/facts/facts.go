// Package facts looks up the facts of the node that the manifests of one compilation name.
package facts

import (
	"context"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/decode"
)

// Source is what is known of the node.
type Source interface {
	// Lookup returns one top-level fact; ok is false if there is none of that name. An error says why it could not be had. Values are nil, bool, string,
	// numbers (json.Number too), and slices and maps by string of these. It is called from several goroutines.
	Lookup(ctx context.Context, name string) (value any, ok bool, err error)
	// Names lists the facts that there are, for suggestions.
	Names() []string
}

// Set is the facts that were looked up.
type Set struct {
	source Source
	found  map[string]found
}

type found struct {
	val    cty.Value
	ok     bool
	reason error
}

// Lookup asks for facts side by side, each once. A hung one delays only itself. The source may be nil: then there are none.
func Lookup(ctx context.Context, source Source, names []string) *Set {
	s := &Set{source: source, found: make(map[string]found, len(names))}
	if source == nil {
		return s
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() {
			var f found
			x, ok, err := source.Lookup(ctx, name)
			if ok && err == nil {
				f.val, err = decode.Value(x)
			}
			f.ok, f.reason = ok && err == nil, err
			mu.Lock()
			defer mu.Unlock()
			s.found[name] = f
		})
	}
	wg.Wait()
	return s
}

// Value is the value of a fact.
func (s *Set) Value(name string) (v cty.Value, ok bool) {
	f := s.found[name]
	return f.val, f.ok
}

// Has says whether the node has a fact, and if not, why, where that is known.
func (s *Set) Has(name string) (ok bool, reason error) {
	f := s.found[name]
	return f.ok, f.reason
}

// Names lists the facts of the node, for suggestions.
func (s *Set) Names() []string {
	if s.source == nil {
		return nil
	}
	return s.source.Names()
}
