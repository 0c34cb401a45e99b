package manifest

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// related is a block (of a resource or a module) with what it refers to; its relations are made when all blocks are known.
type related struct {
	group *group
	call  *call
	deps  deps
}

// relate reads the relations of a module block.
func (k *call) relate() {
	k.s.c.related = append(k.s.c.related, related{call: k})
}

// relations are all relations of the catalog.
func (c *compiler) relations() []catalog.Relation {
	var out []catalog.Relation
	for _, rel := range c.related {
		if rel.call != nil {
			out = append(out, rel.call.relations()...)
			continue
		}
		g := rel.group
		for _, x := range g.sh.Relations {
			for _, t := range x.Targets {
				out = g.s.relation(out, g.addr, x.Kind, t)
			}
		}
		for _, d := range rel.deps {
			out = append(out, catalog.Relation{From: d.addr, To: g.addr, Kind: catalog.Before, Pos: diag.Pos(*d.at)})
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
		targets, diags := reference.Targets(a.Expression, k.s.c.types)
		k.s.c.diags = append(k.s.c.diags, diags...)
		for _, t := range targets {
			out = k.s.relation(out, resources.Address{Module: k.addr}, a.Name, t)
		}
	}
	return out
}

// relation adds what one reference of a block means.
func (s *scope) relation(out []catalog.Relation, self resources.Address, kind string, t reference.Target) []catalog.Relation {
	for _, other := range s.resolve(t) {
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

// resolve finds the addresses that a target stands for, seen from s. An address that nothing has is left to the catalog to refuse.
func (s *scope) resolve(t reference.Target) []resources.Address {
	scopes := []*scope{s}
	for i, step := range t.Modules {
		var next []*scope
		for _, sc := range scopes {
			k := sc.calls[step.Name]
			if k == nil {
				s.c.undeclaredModule(sc, step.Name, t.At)
				return nil
			}
			if i == len(t.Modules)-1 && t.Type == "" {
				return s.wholeModules(scopes, step, t.At)
			}
			if k.mod == nil {
				return nil // reported where it is called
			}
			for _, child := range k.scopes {
				if step.Key == cty.NilVal || child.from.inst.Suffix() == reference.InstanceKey(step.Key) {
					next = append(next, child)
				}
			}
		}
		if len(next) == 0 && step.Key != cty.NilVal {
			s.c.noInstance(step, t.At)
			return nil
		}
		scopes = next
	}
	out := make([]resources.Address, 0, len(scopes))
	for _, sc := range scopes {
		out = append(out, sc.target(t))
	}
	return out
}

func (s *scope) wholeModules(scopes []*scope, step reference.Step, at hcl.Range) []resources.Address {
	var out []resources.Address
	found := step.Key == cty.NilVal
	for _, sc := range scopes {
		k := sc.calls[step.Name]
		if k == nil || k.mod == nil {
			continue
		}
		a := resources.Address{Module: k.addr}
		if step.Key != cty.NilVal {
			a.Module += reference.InstanceKey(step.Key)
		}
		found = found || !k.ok || s.c.scopes[a.Module] != nil
		out = append(out, a)
	}
	if !found {
		s.c.noInstance(step, at)
		return nil
	}
	return out
}

func (s *scope) target(t reference.Target) resources.Address {
	a := resources.Address{Module: s.addr, Type: t.Type, Title: t.Title}
	g := s.groups[s.mod.Resource(t.Type, t.Title)]
	if g != nil {
		a.Title = g.addr.Title
	}
	if t.Key != cty.NilVal && (g == nil || g.repOK && g.rep.known) {
		a.Instance = reference.InstanceKey(t.Key)
	}
	return a
}

func (c *compiler) noInstance(step reference.Step, at hcl.Range) {
	c.errorf(&at, "Undeclared reference", "There is no instance `module.%s%s`.", step.Name, reference.InstanceKey(step.Key))
}

func (c *compiler) undeclaredModule(s *scope, name string, at hcl.Range) {
	names := make([]string, 0, len(s.calls))
	for n := range s.calls {
		names = append(names, n)
	}
	c.errorf(&at, "Undeclared reference", "There is no module `%s` here%s", name, diag.Suggest(name, names))
}
