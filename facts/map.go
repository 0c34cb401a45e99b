package facts

import (
	"context"
	"maps"
	"slices"
)

// Map is facts that are known already, such as those of a node that a test makes up.
type Map map[string]any

var _ Provider = Map{}

// Lookup implements [Provider].
func (m Map) Lookup(_ context.Context, name string) (any, bool, error) {
	value, ok := m[name]
	return value, ok, nil
}

// Names implements [Provider].
func (m Map) Names() []string { return slices.Sorted(maps.Keys(m)) }
