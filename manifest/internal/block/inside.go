package block

import (
	"fmt"
	"path"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// inside refuses a source that begins in the folder of the module and leads out of it: what is in a repository names nothing beside its own revision.
func (m *Module) inside(attr string, v cty.Value) error {
	if attr != "source" {
		return nil
	}
	return cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
			return true, nil
		}
		name := strings.TrimPrefix(v.AsString(), "file://")
		if m.Place.Holds(name) && !m.Place.Holds(path.Clean(name)) {
			return false, fmt.Errorf("%s: leads out of what the module is from, %s", name, m.Place.Within)
		}
		return true, nil
	})
}
