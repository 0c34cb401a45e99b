// Package scope evaluates the expressions of a module in what names mean there. Each is given what it refers to, and nothing else is computed for it.
package scope

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/explain"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// Scope is what the names of one instance of a module mean.
type Scope struct {
	Vars, Locals map[string]*cell.Cell
	Blocks       Blocks
	Base         *hcl.EvalContext // functions, facts and paths
	Explainer    *explain.Explainer

	shared      *hcl.EvalContext // with all variables and locals, once they are computed
	sharedKnown bool
}

// Blocks finds what a module declares beside its variables and locals. It is asked only for what there is.
type Blocks interface {
	Resource(kind, title string) Resource
	Call(name string) Call
}

// Resource is a resource block as expressions see it.
type Resource interface {
	// Value is the resource, all its instances.
	Value() *cell.Cell
	// Dep is what follows from a reference to it, whose value is computed.
	Dep(ref *reference.Ref) cell.Dep
}

// Call is a module block as expressions see it.
type Call interface {
	// Callee is the module that is called; nil if it could not be read, which was reported.
	Callee() *syntax.Module
	// Value is the module's outputs, those that are asked for, of each instance.
	Value(r *cell.Run, asked []Asked) cell.Result
}

// Asked is what an expression asks of a module.
type Asked struct {
	Key    cty.Value // the instance, NilVal for all
	Output string    // "" for all
}

// Settle computes every variable and local; from then on expressions share them.
func (s *Scope) Settle(r *cell.Run) {
	known := true
	all := func(cells map[string]*cell.Cell) cty.Value {
		members := make(map[string]cty.Value, len(cells))
		for _, name := range slices.Sorted(maps.Keys(cells)) {
			res := r.Get(cells[name])
			members[name] = res.Val
			known = known && decode.Known(res.Val)
		}
		return cty.ObjectVal(members)
	}
	vars := all(s.Vars)
	locals := all(s.Locals)
	shared := s.Base.NewChild()
	shared.Variables = map[string]cty.Value{"var": vars, "local": locals}
	s.shared, s.sharedKnown = shared, known
}

// With is a scope in which a variable has a value already.
func (s *Scope) With(variable string, v cty.Value) *Scope {
	inner := &Scope{Vars: maps.Clone(s.Vars), Locals: s.Locals, Blocks: s.Blocks, Base: s.Base, Explainer: s.Explainer}
	inner.Vars[variable] = cell.Of(v)
	return inner
}

// Eval computes an expression, in a block with what is particular to its instance.
func (s *Scope) Eval(r *cell.Run, x *syntax.Expr, inst instances.Vars) cell.Result {
	if x.Literal {
		v, diags := x.Const()
		r.Diags = append(r.Diags, diags...)
		return cell.Result{Val: v, OK: !diags.HasErrors()}
	}
	if x.Bad {
		return cell.Failed()
	}
	ctx, deps, ok := s.Context(r, x, inst)
	if !ok {
		return cell.Failed()
	}
	v, diags := x.Value(ctx)
	if len(diags) > 0 {
		r.Diags = append(r.Diags, s.Explainer.Diagnostics(x, ctx, diags)...)
		if diags.HasErrors() {
			return cell.Failed()
		}
	}
	return cell.Result{Val: v, Deps: deps, OK: true}
}

// Context makes what an expression is evaluated in: just what it refers to. Most need no more than what the whole scope shares.
func (s *Scope) Context(r *cell.Run, x *syntax.Expr, inst instances.Vars) (ctx *hcl.EvalContext, deps cell.Deps, ok bool) {
	b := binder{s: s, r: r, x: x, ctx: s.Base, ok: true}
	if s.shared != nil && (r.Late == nil || s.sharedKnown) {
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
		child.Variables = inst
		b.ctx = child
	}
	return b.ctx, b.deps, b.ok
}

// Part is what the references in a part of an expression use.
func (s *Scope) Part(r *cell.Run, x *syntax.Expr, part hcl.Range) cell.Deps {
	b := binder{s: s, r: r, x: x, ctx: s.Base, ok: true}
	for i := range x.Refs {
		if at := x.Refs[i].Range(); part.Start.Byte <= at.Start.Byte && at.End.Byte <= part.End.Byte {
			b.bind(&x.Refs[i])
		}
	}
	return b.deps
}
