package evaluator

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/internal/block"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/explain"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/metaparams"
	"github.com/nodeapply/apply/manifest/internal/origins"
	"github.com/nodeapply/apply/manifest/internal/scope"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/manifest/variables"
)

// module is one instance of a module: its declarations with their values.
type module struct {
	e     *Evaluator
	decl  *syntax.Module
	place calls.Place
	addr  string // "module.a", "" for the root
	from  *caller

	names    *scope.Scope
	origins  *origins.Module
	outputs  map[string]*cell.Cell
	blocks   map[*syntax.Block]*block.Block
	calls    map[string]*call
	settings *metaparams.Values // of the calls around, once computed
}

// caller is the call that made a module.
type caller struct {
	call *call
	inst *instances.Instance
}

// newModule declares what a module instance holds. Nothing is evaluated yet.
func (e *Evaluator) newModule(decl *syntax.Module, at calls.Place, from *caller) *module {
	m := &module{
		e: e, decl: decl, place: at, from: from,
		origins: &origins.Module{Decl: decl}, outputs: map[string]*cell.Cell{}, blocks: make(map[*syntax.Block]*block.Block, len(decl.Body)), calls: map[string]*call{},
	}
	if from != nil {
		m.addr = from.call.addr + from.inst.Suffix()
		m.origins.Call, m.origins.Caller = from.call.b, from.call.m.origins
	}
	e.instances[m.addr] = m
	base := m.baseContext()
	m.names = &scope.Scope{
		Vars: map[string]*cell.Cell{}, Locals: map[string]*cell.Cell{}, Blocks: m, Base: base,
		Explainer: &explain.Explainer{
			Files: e.Files, Secrets: e.Secrets, Functions: base.Functions, FactNames: e.Facts.Names,
			Fact:    e.Facts.Has,
			Exports: func(name string) bool { return decl.Resource("fact", name) != nil },
		},
	}
	in, out := "", "output." // what stands before names, where a cycle is told
	if from != nil {
		in, out = m.addr+".", m.addr+"."
	}
	for name, b := range decl.Variables {
		m.names.Vars[name] = cell.New(in+"var."+name, &b.Header, m.variable(b).Value)
	}
	for name, a := range decl.Locals {
		m.names.Locals[name] = cell.New(in+"local."+name, a.At, func(r *cell.Run) cell.Result { return m.noted(m.names.Eval(r, &a.Expr, nil)) })
	}
	for name, b := range decl.Outputs {
		m.outputs[name] = cell.New(out+name, &b.Header, func(r *cell.Run) cell.Result { return m.output(r, b) })
	}
	home := &block.Module{Host: e, Addr: m.addr, Place: m.place, Scope: m.names, Late: &e.late, Inherited: m.inherited, Origins: m.origins.Of}
	for _, b := range decl.Body {
		if b.Kind == "module" {
			m.calls[b.Label] = e.newCall(m, b)
		} else {
			m.blocks[b] = block.New(home, e.shape(decl, b))
		}
	}
	return m
}

// variable declares a variable. Its value comes from outside, or from the call of the module.
func (m *module) variable(b *syntax.Block) *variables.Variable {
	v := &variables.Variable{Block: b, Scope: m.names, Given: func(*cell.Run) (cell.Result, *hcl.Range, bool) {
		given, ok := m.e.Given[b.Label]
		if ok && !given.OK {
			return cell.Failed(), given.At, true
		}
		return cell.Result{Val: given.Val, OK: true}, given.At, ok
	}, Secret: m.e.Secret}
	if m.from != nil {
		v.Caller = m.from.call.b
		v.Given = func(r *cell.Run) (cell.Result, *hcl.Range, bool) {
			a := v.Caller.Attr(b.Label)
			if a == nil || syntax.IsMeta(b.Label) || b.Label == "source" {
				return cell.Result{}, nil, false
			}
			return m.from.call.m.names.Eval(r, &a.Expr, m.from.inst.Vars()), a.Range().Ptr(), true
		}
	}
	return v
}

// Resource finds a resource block, for expressions.
func (m *module) Resource(kind, title string) scope.Resource {
	return m.blocks[m.decl.Resource(kind, title)]
}

// Call finds a module block, for expressions.
func (m *module) Call(name string) scope.Call { return m.calls[name] }

// noted remembers what is secret in a value.
func (m *module) noted(res cell.Result) cell.Result {
	if res.OK && decode.Sensitive(res.Val) {
		m.e.Secret(res.Val)
	}
	return res
}

func (m *module) baseContext() *hcl.EvalContext {
	facts := map[string]cty.Value{}
	for name := range m.decl.Facts {
		if v, ok := m.e.Facts.Value(name); ok {
			facts[name] = v
		}
	}
	return &hcl.EvalContext{
		Functions: m.e.functionsIn(m.place),
		Variables: map[string]cty.Value{
			"fact": cty.ObjectVal(facts),
			"path": cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(m.place.Dir), "root": cty.StringVal(m.e.Place.Dir)}),
		},
	}
}

// emit turns the blocks into entries of the catalog, in order of declaration.
func (m *module) emit(r *cell.Run) {
	e := m.e
	for _, b := range m.decl.Body {
		if b.Kind == "module" {
			k := m.calls[b.Label]
			e.related = append(e.related, related{call: k})
			r.Get(k.made)
			for _, child := range k.modules {
				off := child.inherited(r).Off
				mistakes := len(r.Diags)
				child.names.Settle(r)
				child.emit(r)
				child.force(r)
				if off { // not managed, as of a resource: who uses an output is told what is wrong with it
					r.Diags = r.Diags[:mistakes]
				}
			}
			continue
		}
		of := m.blocks[b]
		entries, used := of.Emit(r, e.entries)
		e.entries, e.related = entries, append(e.related, related{block: of, module: m, deps: used})
	}
}

// force computes the outputs, so that their mistakes are found whether or not anybody asks.
func (m *module) force(r *cell.Run) {
	for _, name := range slices.Sorted(maps.Keys(m.outputs)) {
		r.Get(m.outputs[name])
	}
}

// inherited are the metaparameters of the calls around: guards and tags add up, what is nearer wins.
func (m *module) inherited(r *cell.Run) metaparams.Values {
	if m.from == nil {
		return metaparams.Values{}
	}
	if m.settings != nil && (r.Late == nil || !m.settings.Late) {
		return *m.settings
	}
	k := m.from.call
	out := k.m.inherited(r)
	for i := range k.b.Attrs {
		if a := &k.b.Attrs[i]; syntax.IsMeta(a.Name) && !syntax.IsRelation(a.Name) && a.Name != "for_each" && a.Name != "count" {
			res := k.m.names.Eval(r, &a.Expr, m.from.inst.Vars())
			out.Set(r, a, &res)
		}
	}
	if r.Late == nil {
		m.settings = &out
	}
	return out
}
