package manifest

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/syntax"
)

// call is a module block in one scope.
type call struct {
	s     *scope
	b     *syntax.Block
	addr  string // without instance
	mod   *syntax.Module
	place calls.Place

	state  cellState
	scopes []*scope
	deps   deps
	ok     bool
}

func (c *compiler) newCall(s *scope, b *syntax.Block) *call {
	k := &call{s: s, b: b, addr: "module." + b.Label, mod: c.tree.Called[b].Module, place: c.tree.Called[b].Place}
	if s.addr != "" {
		k.addr = s.addr + "." + k.addr
	}
	return k
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
		at := cmp.Or(k.b.Attr("for_each"), k.b.Attr("count")).Range()
		r.errorf(&at, "Not known in time", "How often a module is there must be known before the run; this depends on %s. Repeat the resources inside instead.", needs(rep.deps))
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
			one := r.get(s.outputs[name])
			res.ok = res.ok && one.ok
			res.deps = res.deps.add(one.deps)
			out[name] = one.val
		}
		members[i] = cty.ObjectVal(out)
	}
	res.val = instances.Value(scopesKeys(scopes), k.b.Attr("count") != nil, members)
	return res
}

func scopesKeys(scopes []*scope) []*instances.Instance {
	list := make([]*instances.Instance, len(scopes))
	for i, s := range scopes {
		list[i] = s.from.inst
	}
	return list
}
