package evaluator

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/block"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// related is a block (of a resource or a module) with what it refers to; its relations are made when all blocks are known.
type related struct {
	block  *block.Block
	module *module // in which block is
	deps   cell.Deps

	call *call // else
}

// relations are all relations of the catalog.
func (e *Evaluator) relations() []catalog.Relation {
	var out []catalog.Relation
	for _, rel := range e.related {
		if rel.call != nil {
			out = append(out, rel.call.relations()...)
			continue
		}
		self := rel.block.Addr()
		for _, x := range rel.block.Relations() {
			for _, t := range x.Targets {
				out = rel.module.relation(out, self, x.Kind, t)
			}
		}
		for _, d := range rel.deps {
			out = append(out, catalog.Relation{From: d.Addr, To: self, Kind: catalog.Before, Pos: diag.Pos(*d.At)})
		}
	}
	return out
}

func (k *call) relations() []catalog.Relation {
	var out []catalog.Relation
	for i := range k.b.Attrs {
		a := &k.b.Attrs[i]
		if !syntax.IsRelation(a.Name) {
			continue
		}
		targets, diags := reference.Targets(a.Name, a.Expression, k.m.e.Types)
		k.m.e.diags = append(k.m.e.diags, diags...)
		for _, t := range targets {
			out = k.m.relation(out, resources.Address{Module: k.addr}, a.Name, t)
		}
	}
	return out
}

// relation adds what one reference of a block means.
func (m *module) relation(out []catalog.Relation, self resources.Address, kind string, t reference.Target) []catalog.Relation {
	for _, other := range m.resolve(t) {
		r := catalog.Relation{From: other, To: self, Pos: diag.Pos(t.At)}
		if kind == "before" || kind == "notify" {
			r.From, r.To, r.Target = self, other, true
		}
		switch kind {
		case "notify", "subscribe":
			r.Kind = catalog.Notify
		case "limit":
			r.Kind = catalog.Inside
		}
		out = append(out, r)
	}
	return out
}

// resolve finds the addresses that a target stands for, seen from m. An address that nothing has is left to the catalog to refuse.
func (m *module) resolve(t reference.Target) []resources.Address {
	modules := []*module{m}
	for i, step := range t.Modules {
		var next []*module
		for _, in := range modules {
			k := in.calls[step.Name]
			if k == nil {
				m.e.undeclaredModule(in, step.Name, t.At)
				return nil
			}
			if i == len(t.Modules)-1 && t.Type == "" {
				return m.wholeModules(modules, step, t.At)
			}
			if k.called.Module == nil {
				return nil // reported where it is called
			}
			for _, child := range k.modules {
				if step.Key == cty.NilVal || child.from.inst.Suffix() == reference.InstanceKey(step.Key) {
					next = append(next, child)
				}
			}
		}
		if len(next) == 0 && step.Key != cty.NilVal {
			m.e.noInstance(step, t.At)
			return nil
		}
		modules = next
	}
	out := make([]resources.Address, 0, len(modules))
	for _, in := range modules {
		out = append(out, in.target(t))
	}
	return out
}

func (m *module) wholeModules(modules []*module, step reference.Step, at hcl.Range) []resources.Address {
	var out []resources.Address
	found := step.Key == cty.NilVal
	for _, in := range modules {
		k := in.calls[step.Name]
		if k == nil || k.called.Module == nil {
			continue
		}
		a := resources.Address{Module: k.addr}
		if step.Key != cty.NilVal {
			a.Module += reference.InstanceKey(step.Key)
		}
		found = found || !k.ok || m.e.instances[a.Module] != nil
		out = append(out, a)
	}
	if !found {
		m.e.noInstance(step, at)
		return nil
	}
	return out
}

func (m *module) target(t reference.Target) resources.Address {
	a := resources.Address{Module: m.addr, Type: t.Type, Title: t.Title}
	b := m.blocks[m.decl.Resource(t.Type, t.Title)]
	if b != nil {
		a.Title = b.Addr().Title
	}
	switch {
	case t.Key == cty.NilVal:
	case b == nil:
		a.Instance = reference.InstanceKey(t.Key)
	case b.Countable():
		a.Instance = reference.InstanceKey(t.Key)
		b.Name(a.Instance, diag.Pos(t.At))
	}
	return a
}

func (e *Evaluator) noInstance(step reference.Step, at hcl.Range) {
	e.undeclared(at, "There is no instance `module.%s%s`.", step.Name, reference.InstanceKey(step.Key))
}

func (e *Evaluator) undeclaredModule(m *module, name string, at hcl.Range) {
	e.undeclared(at, "There is no module `%s` here%s", name, diag.Suggest(name, slices.Sorted(maps.Keys(m.calls))))
}
