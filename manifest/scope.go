package manifest

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/internal/explain"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/syntax"
)

// scope is one instance of a module: its declarations with their values.
type scope struct {
	c     *compiler
	mod   *syntax.Module
	place calls.Place
	addr  string // "module.a", "" for the root
	from  *caller
	given func(r *run, variable string) (result, *hcl.Range, bool) // evaluated when asked for; false: not given

	vars, locals, outputs map[string]*cell
	groups                map[*syntax.Block]*group
	calls                 map[string]*call

	base        *hcl.EvalContext // functions, facts and paths
	explainer   *explain.Explainer
	shared      *hcl.EvalContext // with all variables and locals, once they are computed
	sharedKnown bool
	settings    *settings // of the calls around, once computed
}

// caller is the call that made a scope.
type caller struct {
	call *call
	inst *instances.Instance
}

// newScope declares what a module instance holds. Nothing is evaluated yet.
func (c *compiler) newScope(m *syntax.Module, at calls.Place, from *caller) *scope {
	s := &scope{
		c: c, mod: m, place: at, from: from,
		vars: map[string]*cell{}, locals: map[string]*cell{}, outputs: map[string]*cell{},
		groups: make(map[*syntax.Block]*group, len(m.Body)), calls: map[string]*call{},
	}
	if from != nil {
		s.addr = from.call.addr + from.inst.Suffix()
	}
	c.scopes[s.addr] = s
	s.base = s.baseContext()
	s.explainer = &explain.Explainer{
		Files: &c.files, Secrets: c.secrets, Functions: s.base.Functions, FactNames: c.factNames,
		Fact:    func(name string) (bool, error) { f := c.facts[name]; return f.ok, f.reason },
		Exports: func(name string) bool { return m.Resource("fact", name) != nil },
	}
	for name, b := range m.Variables {
		s.vars[name] = &cell{what: "var." + name, at: &b.Header, compute: func(r *run) result { return s.variable(r, b) }}
	}
	for name, a := range m.Locals {
		s.locals[name] = &cell{what: "local." + name, at: a.At, compute: func(r *run) result { return s.noted(s.eval(r, &a.Expr, nil)) }}
	}
	for name, b := range m.Outputs {
		s.outputs[name] = &cell{what: "output." + name, at: &b.Header, compute: func(r *run) result { return s.output(r, b) }}
	}
	for _, b := range m.Body {
		if b.Kind == "module" {
			s.calls[b.Label] = c.newCall(s, b)
		} else {
			s.groups[b] = c.newGroup(s, b)
		}
	}
	return s
}

// noted remembers what is secret in a value.
func (s *scope) noted(res result) result {
	if res.ok && decode.Sensitive(res.val) {
		s.c.secrets.Add(res.val)
	}
	return res
}

func (s *scope) baseContext() *hcl.EvalContext {
	facts := map[string]cty.Value{}
	for name := range s.mod.Facts {
		if f := s.c.facts[name]; f.ok {
			facts[name] = f.val
		}
	}
	return &hcl.EvalContext{
		Functions: s.c.functions(s.place.Dir),
		Variables: map[string]cty.Value{
			"fact": cty.ObjectVal(facts),
			"path": cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(s.place.Dir), "root": cty.StringVal(s.c.rootDir)}),
		},
	}
}

// settle computes every variable and local; from then on expressions share them.
func (s *scope) settle(r *run) {
	known := true
	all := func(cells map[string]*cell) cty.Value {
		members := make(map[string]cty.Value, len(cells))
		for _, name := range slices.Sorted(maps.Keys(cells)) {
			res := r.get(cells[name])
			members[name] = res.val
			known = known && decode.Known(res.val)
		}
		return cty.ObjectVal(members)
	}
	vars := all(s.vars)
	locals := all(s.locals)
	shared := s.base.NewChild()
	shared.Variables = map[string]cty.Value{"var": vars, "local": locals}
	s.shared, s.sharedKnown = shared, known
}

// emit turns the blocks into entries of the catalog, in order of declaration.
func (s *scope) emit(r *run) {
	for _, b := range s.mod.Body {
		if b.Kind == "module" {
			k := s.calls[b.Label]
			k.relate()
			scopes, _ := k.expand(r)
			for _, child := range scopes {
				child.settle(r)
				child.emit(r)
				child.force(r)
			}
			continue
		}
		if g := s.groups[b]; g != nil {
			g.emit(r)
		}
	}
}

// force computes the outputs, so that their mistakes are found whether or not anybody asks.
func (s *scope) force(r *run) {
	for _, name := range slices.Sorted(maps.Keys(s.outputs)) {
		r.get(s.outputs[name])
	}
}
