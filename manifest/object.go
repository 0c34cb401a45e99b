package manifest

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/resources"
)

// value is the resource as expressions see it: its attributes as declared, its defaults, its late values; for all instances.
func (g *group) value(r *run) result {
	rep, ok := g.repeat(r)
	if !ok || g.sh.Bad {
		return failed()
	}
	res := result{ok: true, deps: rep.deps}
	if !rep.known {
		res.val = cty.DynamicVal
		return res
	}
	members := make([]cty.Value, len(rep.list))
	for i, inst := range rep.list {
		one := g.instanceValue(r, inst)
		if !one.ok {
			return failed()
		}
		members[i] = one.val
		res.deps = res.deps.add(one.deps)
	}
	res.val = instances.Value(rep.list, g.sh.Block.Attr("count") != nil, members)
	return res
}

func (g *group) instanceValue(r *run, inst *instances.Instance) result {
	out := map[string]cty.Value{}
	blank := g.sh.Schema.Type.New(g.addr.Title)
	for _, name := range g.sh.Schema.Names() {
		out[name] = g.sh.Schema.Field(name).Get(blank)
	}
	res := result{ok: true}
	for i := range g.sh.Attrs {
		a := &g.sh.Attrs[i]
		one := g.s.eval(r, &a.Expr, inst)
		if !one.ok {
			return failed()
		}
		if decode.Known(one.val) && one.val.IsNull() {
			continue
		}
		if !decode.Known(one.val) {
			res.deps = res.deps.add(one.deps) // who waits for this value waits for what it is made of
		}
		out[a.Name] = g.declared(a, one.val)
	}
	g.lateValues(r, inst, out)
	res.val = cty.ObjectVal(out)
	return res
}

// declared is the value of an attribute as the resource takes it: a number given for a string is a string.
func (g *group) declared(a *shape.Attr, v cty.Value) cty.Value {
	if !decode.Known(v) || decode.Sensitive(v) || !a.Field.Plain {
		return v
	}
	blank := g.sh.Schema.Type.New(g.addr.Title)
	if a.Field.Set(blank, v) != nil {
		return v
	}
	return a.Field.Get(blank)
}

// lateValues fills in what only the run gives: unknown while compiling, null for what this run does not manage.
func (g *group) lateValues(r *run, inst *instances.Instance, out map[string]cty.Value) {
	var values map[string]any
	if r.late != nil {
		values, _ = r.late(g.instanceAddr(inst))
	}
	for _, name := range g.sh.Schema.Type.Late {
		if r.late == nil {
			out[name] = cty.DynamicVal
			continue
		}
		if r.blind && values[name] == nil {
			out[name] = cty.DynamicVal
			if addr := g.instanceAddr(inst); !slices.Contains(r.ungiven, addr) {
				r.ungiven = append(r.ungiven, addr)
			}
			continue
		}
		v, err := decode.Value(values[name])
		if err != nil {
			v = cty.NullVal(cty.DynamicPseudoType)
		}
		out[name] = v
	}
}

func (g *group) instanceAddr(inst *instances.Instance) resources.Address {
	addr := g.addr
	addr.Instance = inst.Suffix()
	return addr
}

// refAddr is the address that a reference stands for: one instance if it names one.
func (g *group) refAddr(ref *reference.Ref) resources.Address {
	addr := g.addr
	if ref.Key() != cty.NilVal && g.repOK && g.rep.known && len(g.rep.list) > 0 && g.rep.list[0] != nil {
		addr.Instance = reference.InstanceKey(ref.Key())
	}
	return addr
}

// lateRef says whether a reference may yield a value that only the run gives.
func (g *group) lateRef(ref *reference.Ref) bool {
	name := ""
	if n := len(ref.Traversal); n > 2 {
		name, _ = reference.StepName(ref.Traversal[n-1])
	}
	return g.sh.Schema.Late(name) || !g.rep.known || len(g.sh.Schema.Type.Late) > 0 && (name == "" || g.sh.Schema.Field(name) == nil)
}
