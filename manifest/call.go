package manifest

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/syntax"
)

// maxModules bounds how deep modules may call modules.
const maxModules = 32

// call is a module block in one scope.
type call struct {
	s     *scope
	b     *syntax.Block
	addr  string // without instance
	mod   *syntax.Module
	place place

	state  cellState
	scopes []*scope
	deps   deps
	ok     bool
}

// newCall finds and reads the module that a block calls.
func (c *compiler) newCall(s *scope, b *syntax.Block) *call {
	k := &call{s: s, b: b, addr: "module." + b.Label}
	if s.addr != "" {
		k.addr = s.addr + "." + k.addr
	}
	if p, ok := c.locate(s, b); ok && k.notAround(p) {
		k.place = p
		k.mod = c.module(p, b)
	}
	if k.mod != nil {
		c.checkInputs(k)
	}
	return k
}

// locate finds the folder that a module's source names.
func (c *compiler) locate(s *scope, b *syntax.Block) (place, bool) {
	a := b.Attr("source")
	if a == nil {
		c.errorf(&b.Header, "Missing attribute", "A module needs `source`: a folder (`\"./dir\"`), a built-in module, or `\"git::URL//dir?ref=TAG\"`.")
		return place{}, false
	}
	v, diags := a.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || len(a.Refs) > 0 {
		c.errorf(a.Range().Ptr(), "Wrong value for `source`", "Want a string without references: modules are read before anything is evaluated.")
		return place{}, false
	}
	source := v.AsString()
	if source == "." || source == ".." || strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") {
		return place{dir: filepath.Join(s.place.dir, source), shown: filepath.Join(s.place.shown, source)}, true
	}
	if c.opts.Modules == nil {
		c.errorf(a.Range().Ptr(), "Unknown module", "There is no module %q here. A folder beside this file is written `\"./%s\"`.", source, source)
		return place{}, false
	}
	dir, err := c.opts.Modules(c.ctx, source, s.place.dir)
	if err != nil {
		c.errorf(a.Range().Ptr(), "Unknown module", "%s.", sentence(err.Error()))
		return place{}, false
	}
	return place{dir: dir, shown: dir}, true
}

// notAround refuses a module that calls itself, and too deep a nest.
func (k *call) notAround(p place) bool {
	chain := []string{p.shown}
	for s := k.s; s != nil; {
		chain = append(chain, s.place.shown)
		if s.place.dir == p.dir {
			slices.Reverse(chain)
			k.s.c.errorf(&k.b.Header, "Cycle", "A module cannot call itself: %s.", strings.Join(chain, " -> "))
			return false
		}
		if s.from == nil {
			break
		}
		s = s.from.call.s
	}
	if len(chain) > maxModules {
		k.s.c.errorf(&k.b.Header, "Over the limit", "Modules call each other over the limit of %d levels.", maxModules)
		return false
	}
	return true
}

// module reads a folder once.
func (c *compiler) module(p place, b *syntax.Block) *syntax.Module {
	if m, ok := c.modules[p.dir]; ok {
		return m
	}
	m, diags := c.reader.Read(c.ctx, p.shown)
	for _, d := range diags {
		if d.Subject != nil && d.Subject.Filename == p.shown { // the folder itself: the caller's mistake
			d = diag.Errorf(b.Attr("source").Range().Ptr(), d.Summary, "%s", d.Detail)
		}
		c.diags = append(c.diags, d)
	}
	c.modules[p.dir] = m
	return m
}

// checkInputs compares what is given with the variables that the module has.
func (c *compiler) checkInputs(k *call) {
	names := slices.Sorted(maps.Keys(k.mod.Variables))
	for _, a := range k.b.Attrs {
		if a.Name == "source" || k.mod.Variables[a.Name] != nil && !syntax.IsMeta(a.Name) || syntax.IsMeta(a.Name) {
			continue
		}
		c.errorf(a.At, "Unknown attribute", "The module `%s` has no variable `%s`%s", k.b.Label, a.Name, diag.Suggest(a.Name, names))
	}
}

// expand makes the scopes of the module's instances; ok is false if their number is unknown or wrong.
func (k *call) expand(r *run) ([]*scope, bool) {
	if k.state == done {
		return k.scopes, k.ok
	}
	if k.mod == nil {
		k.state = done
		return nil, false
	}
	if k.state == running {
		r.errorf(&k.b.Header, "Cycle", "How often `%s` is there depends on itself.", k.addr)
		return nil, false
	}
	k.state = running
	rep, ok := k.s.repeat(r, k.b)
	k.state = done
	if !ok {
		return nil, false
	}
	if !rep.known {
		r.errorf(&k.b.Header, "Not known in time", "How often a module is there must be known before the run; this depends on %s. Repeat the resources inside instead.", needs(rep.deps))
		return nil, false
	}
	k.ok, k.deps = true, rep.deps
	for _, inst := range rep.list {
		child := k.s.c.newScope(k.mod, k.place, &caller{call: k, inst: inst})
		child.given = func(r *run, name string) (result, *hcl.Range, bool) {
			a := k.b.Attr(name)
			if a == nil || syntax.IsMeta(name) || name == "source" {
				return result{}, nil, false
			}
			return k.s.eval(r, &a.Expr, inst), a.Range().Ptr(), true
		}
		k.scopes = append(k.scopes, child)
	}
	return k.scopes, true
}

// value is the module as expressions see it: its outputs, those that are asked for ("" for all), of each instance.
func (k *call) value(r *run, outputs []string) result {
	scopes, ok := k.expand(r)
	if !ok {
		return failed()
	}
	if slices.Contains(outputs, "") {
		outputs = slices.Collect(maps.Keys(k.mod.Outputs))
	}
	res := result{ok: true, deps: k.deps}
	members := make([]cty.Value, len(scopes))
	for i, s := range scopes {
		out := map[string]cty.Value{}
		for _, name := range outputs {
			c := s.outputs[name]
			if c == nil {
				continue // the expression's own error names what is there
			}
			one := r.get(c)
			res.ok = res.ok && one.ok
			res.deps = res.deps.add(one.deps)
			out[name] = one.val
		}
		members[i] = cty.ObjectVal(out)
	}
	res.val = k.s.instances(k.b, scopesKeys(scopes), members)
	return res
}

func scopesKeys(scopes []*scope) []*instance {
	list := make([]*instance, len(scopes))
	for i, s := range scopes {
		list[i] = s.from.inst
	}
	return list
}

// instances arranges the values of a block's instances: one, a tuple for count, an object for for_each.
func (s *scope) instances(b *syntax.Block, list []*instance, members []cty.Value) cty.Value {
	switch {
	case len(list) == 1 && list[0] == nil:
		return members[0]
	case b.Attr("count") != nil:
		return cty.TupleVal(members)
	}
	out := make(map[string]cty.Value, len(members))
	for i, inst := range list {
		out[inst.key.AsString()] = members[i]
	}
	return cty.ObjectVal(out)
}
