package manifest

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// eval computes an expression in a scope, for one instance of a block (nil outside of for_each and count).
func (s *scope) eval(r *run, x *syntax.Expr, inst *instances.Instance) result {
	if x.Literal {
		v, diags := x.Const()
		r.diags = append(r.diags, diags...)
		return result{val: v, ok: !diags.HasErrors()}
	}
	if x.Bad {
		return failed()
	}
	ctx, deps, ok := s.context(r, x, inst)
	if !ok {
		return failed()
	}
	v, diags := x.Value(ctx)
	if len(diags) > 0 {
		r.diags = append(r.diags, s.explainer.Diagnostics(x, ctx, diags)...)
		if diags.HasErrors() {
			return failed()
		}
	}
	return result{val: v, deps: deps, ok: true}
}

// context makes what an expression is evaluated in: just what it refers to. Most need no more than what the whole scope shares.
func (s *scope) context(r *run, x *syntax.Expr, inst *instances.Instance) (*hcl.EvalContext, deps, bool) {
	b := binder{s: s, r: r, x: x, ctx: s.base, ok: true}
	if s.shared != nil && (r.late == nil || s.sharedKnown) {
		b.ctx, b.settled = s.shared, true
	}
	for i := range x.Refs {
		b.bind(&x.Refs[i])
	}
	if b.roots != nil {
		child := b.ctx.NewChild()
		child.Variables = make(map[string]cty.Value, len(b.roots))
		for name, members := range b.roots {
			child.Variables[name] = cty.ObjectVal(members)
		}
		b.ctx = child
	}
	if inst != nil && x.Each {
		child := b.ctx.NewChild()
		child.Variables = inst.Vars()
		b.ctx = child
	}
	return b.ctx, b.deps, b.ok
}

// binder collects the values of references.
type binder struct {
	s       *scope
	r       *run
	x       *syntax.Expr
	ctx     *hcl.EvalContext
	settled bool // variables and locals are in ctx already
	roots   map[string]map[string]cty.Value
	deps    deps
	ok      bool
}

func (b *binder) bind(ref *reference.Ref) {
	switch ref.Root {
	case "fact", "each", "count", "path":
	case "var":
		b.named(ref, b.s.vars[ref.Name], b.settled)
	case "local":
		b.named(ref, b.s.locals[ref.Name], b.settled)
	case "module":
		b.module(ref)
	default:
		g := b.s.groups[b.s.mod.Resource(ref.Root, ref.Name)]
		if b.named(ref, g.object, false) {
			b.deps = b.deps.add(deps{{addr: g.refAddr(ref), late: g.lateRef(ref), at: ref.Range()}})
		}
	}
}

func (b *binder) named(ref *reference.Ref, c *cell, present bool) bool {
	res := b.r.get(c)
	if !res.ok {
		b.ok = false
		return false
	}
	if len(res.deps) > 0 {
		b.deps = b.deps.add(res.deps)
	}
	if !present {
		b.put(ref.Root, ref.Name, res.val)
	}
	return true
}

// module gives all that the expression asks of one module at once.
func (b *binder) module(ref *reference.Ref) {
	if _, had := b.roots["module"][ref.Name]; had {
		return
	}
	k := b.s.calls[ref.Name]
	if k.mod == nil {
		b.ok = false
		return
	}
	var outputs []string
	for i := range b.x.Refs {
		other := &b.x.Refs[i]
		if other.Root != "module" || other.Name != ref.Name {
			continue
		}
		name := other.Output()
		if name != "" && k.mod.Outputs[name] == nil {
			names := slices.Sorted(maps.Keys(k.mod.Outputs))
			b.r.errorf(other.Range(), "Undeclared reference", "The module `%s` has no output `%s`%s", ref.Name, name, diag.Suggest(name, names))
			b.ok = false
			continue
		}
		outputs = append(outputs, name)
	}
	res := k.value(b.r, outputs)
	if !res.ok {
		b.ok = false
		return
	}
	b.deps = b.deps.add(res.deps)
	b.put("module", ref.Name, res.val)
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
