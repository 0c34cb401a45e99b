package evaluator

import (
	"cmp"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/scope"
	"github.com/nodeapply/apply/manifest/syntax"
)

// call is a module block in one instance of a module.
type call struct {
	m      *module // in which it stands
	b      *syntax.Block
	addr   string // without instance
	called calls.Called

	made    *cell.Cell // that its instances are made, with what their number is made of
	modules []*module
	ok      bool // they are all
}

func (e *Evaluator) newCall(m *module, b *syntax.Block) *call {
	k := &call{m: m, b: b, addr: "module." + b.Label, called: e.Calls[b]}
	if m.addr != "" {
		k.addr = m.addr + "." + k.addr
	}
	k.made = cell.New(k.addr, &b.Header, k.make)
	e.declared[k.addr] = true
	return k
}

// make makes the module's instances.
func (k *call) make(r *cell.Run) cell.Result {
	if k.called.Module == nil {
		return cell.Failed()
	}
	rep, ok := k.m.names.Repeat(r, k.b)
	if !ok {
		return cell.Failed()
	}
	if !rep.Known {
		at := cmp.Or(k.b.Attr("for_each"), k.b.Attr("count")).Range()
		r.Errorf(&at, "Not known in time", "How often a module is there must be known before the run; this depends on %s. Repeat the resources inside instead.", rep.Deps)
		return cell.Failed()
	}
	for _, inst := range rep.List {
		k.modules = append(k.modules, k.m.e.newModule(k.called.Module, k.called.Place, &caller{call: k, inst: inst}))
	}
	k.ok = true
	return cell.Result{Val: cty.True, Deps: rep.Deps, OK: true}
}

// Callee is the module that is called; nil if it could not be read.
func (k *call) Callee() *syntax.Module { return k.called.Module }

// Value is the module as expressions see it: of each instance the outputs that are asked for. Of what is not, nothing is evaluated: it is none of
// the asker's business whether it fails.
func (k *call) Value(r *cell.Run, asked []scope.Asked) cell.Result {
	made := r.Get(k.made)
	if !made.OK {
		return cell.Failed()
	}
	res := cell.Result{OK: true, Deps: made.Deps}
	members := make([]cty.Value, len(k.modules))
	for i, m := range k.modules {
		out := map[string]cty.Value{}
		for _, name := range m.asked(asked) {
			one := r.Get(m.outputs[name])
			res.OK = res.OK && one.OK
			res.Deps = res.Deps.Add(one.Deps)
			out[name] = one.Val
		}
		members[i] = cty.ObjectVal(out)
	}
	res.Val = instances.Value(keys(k.modules), k.b.Attr("count") != nil, members)
	return res
}

// asked are the names of the outputs of this instance that are asked for.
func (m *module) asked(list []scope.Asked) []string {
	var names []string
	for _, a := range list {
		if inst := m.from.inst; inst != nil && a.Key != cty.NilVal && a.Key.Type().Equals(inst.Key.Type()) && !a.Key.RawEquals(inst.Key) {
			continue // another one
		}
		if a.Output == "" {
			return slices.Sorted(maps.Keys(m.outputs))
		}
		names = append(names, a.Output)
	}
	return names
}

func keys(modules []*module) []*instances.Instance {
	list := make([]*instances.Instance, len(modules))
	for i, m := range modules {
		list[i] = m.from.inst
	}
	return list
}
