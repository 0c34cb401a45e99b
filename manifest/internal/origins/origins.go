// Package origins says what values were made of, through locals and the inputs of modules.
package origins

import (
	"maps"
	"slices"

	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// Module is a module as it is called.
type Module struct {
	Decl   *syntax.Module
	Call   *syntax.Block // nil for the root
	Caller *Module       // in which the call stands
}

// Of lists, sorted, what references of m lead to in the end: facts, resources, outputs of modules, and variables of the root.
func (m *Module) Of(refs []reference.Ref) []string {
	found := map[string]bool{}
	m.find(refs, found, map[*syntax.Attr]bool{})
	return slices.Sorted(maps.Keys(found))
}

func (m *Module) find(refs []reference.Ref, found map[string]bool, seen map[*syntax.Attr]bool) {
	through := func(in *Module, a *syntax.Attr) {
		if a != nil && !seen[a] {
			seen[a] = true
			in.find(a.Refs, found, seen)
		}
	}
	for i := range refs {
		ref := &refs[i]
		switch {
		case ref.Root == "each" || ref.Root == "count" || ref.Root == "path":
		case ref.Root == "local":
			through(m, m.Decl.Locals[ref.Name])
		case ref.Root == "var" && m.Call != nil:
			through(m.Caller, m.Call.Attr(ref.Name))
		default:
			found[reference.Text(ref.Traversal)] = true
		}
	}
}
