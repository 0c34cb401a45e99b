package manifest

import (
	"maps"
	"slices"

	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// originsOf lists what the value of an attribute was made of, through locals and the inputs of modules.
func (g *group) originsOf(attr string) []string {
	a := g.sh.Attr(attr)
	if a == nil {
		return nil
	}
	found := map[string]bool{}
	g.s.origins(a.Refs, found, map[*syntax.Attr]bool{})
	return slices.Sorted(maps.Keys(found))
}

func (s *scope) origins(refs []reference.Ref, found map[string]bool, seen map[*syntax.Attr]bool) {
	for i := range refs {
		ref := &refs[i]
		switch ref.Root {
		case "each", "count", "path":
			continue
		case "local":
			if a := s.mod.Locals[ref.Name]; a != nil && !seen[a] {
				seen[a] = true
				s.origins(a.Refs, found, seen)
			}
			continue
		case "var":
			if s.from != nil {
				if a := s.from.call.b.Attr(ref.Name); a != nil && !seen[a] {
					seen[a] = true
					s.from.call.s.origins(a.Refs, found, seen)
				}
				continue
			}
		}
		found[reference.Text(ref.Traversal)] = true
	}
}
