package scope

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// binder collects the values of an expression's references.
type binder struct {
	s       *Scope
	r       *cell.Run
	x       *syntax.Expr
	ctx     *hcl.EvalContext
	settled bool // variables and locals are in ctx already
	roots   map[string]map[string]cty.Value
	deps    cell.Deps
	ok      bool
}

func (b *binder) bind(ref *reference.Ref) {
	switch ref.Root {
	case "fact", "each", "count", "path":
	case "var":
		b.named(ref, b.s.Vars[ref.Name], b.settled)
	case "local":
		b.named(ref, b.s.Locals[ref.Name], b.settled)
	case "module":
		b.module(ref)
	default:
		resource := b.s.Blocks.Resource(ref.Root, ref.Name)
		if b.named(ref, resource.Value(), false) {
			b.deps = b.deps.Add(cell.Deps{resource.Dep(ref)})
		}
	}
}

func (b *binder) named(ref *reference.Ref, c *cell.Cell, present bool) bool {
	res := b.r.Get(c)
	if !res.OK {
		b.ok = false
		return false
	}
	if len(res.Deps) > 0 {
		b.deps = b.deps.Add(res.Deps)
	}
	if !present {
		b.put(ref.Root, ref.Name, res.Val)
	}
	return true
}

// module gives all that the expression asks of one module at once.
func (b *binder) module(ref *reference.Ref) {
	if _, had := b.roots["module"][ref.Name]; had {
		return
	}
	call := b.s.Blocks.Call(ref.Name)
	callee := call.Callee()
	if callee == nil {
		b.ok = false
		return
	}
	var asked []Asked
	for i := range b.x.Refs {
		other := &b.x.Refs[i]
		if other.Root != "module" || other.Name != ref.Name {
			continue
		}
		name := other.Output()
		if name != "" && callee.Outputs[name] == nil {
			names := slices.Sorted(maps.Keys(callee.Outputs))
			b.r.Errorf(other.Range(), "Undeclared reference", "The module `%s` has no output `%s`%s", ref.Name, name, diag.Suggest(name, names))
			b.ok = false
			continue
		}
		asked = append(asked, Asked{Key: other.Key(), Output: name})
	}
	res := call.Value(b.r, asked)
	if !res.OK {
		b.ok = false
		return
	}
	b.deps = b.deps.Add(res.Deps)
	b.put("module", ref.Name, res.Val)
}

func (b *binder) put(root, name string, v cty.Value) {
	if b.roots == nil {
		b.roots = map[string]map[string]cty.Value{}
	}
	members := b.roots[root]
	if members == nil {
		members = map[string]cty.Value{}
		b.roots[root] = members
	}
	members[name] = v
}
