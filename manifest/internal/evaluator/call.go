package evaluator

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/syntax"
)

// call is a module block in one instance of a module.
type call struct {
	m      *module // in which it stands
	b      *syntax.Block
	addr   string // without instance
	called calls.Called

	expanding, expanded bool
	modules             []*module
	deps                cell.Deps
	ok                  bool
	found               hcl.Diagnostics // what is wrong with how often it is there
}

func (e *Evaluator) newCall(m *module, b *syntax.Block) *call {
	k := &call{m: m, b: b, addr: "module." + b.Label, called: e.Calls[b]}
	if m.addr != "" {
		k.addr = m.addr + "." + k.addr
	}
	return k
}

// expand makes the module's instances; ok is false if their number is unknown or wrong.
func (k *call) expand(r *cell.Run) ([]*module, bool) {
	if k.expanded {
		r.Again(k.found)
		return k.modules, k.ok
	}
	if k.called.Module == nil {
		k.expanded = true
		return nil, false
	}
	if k.expanding {
		r.Errorf(&k.b.Header, "Cycle", "How often `%s` is there depends on itself.", k.addr)
		return nil, false
	}
	k.expanding = true
	before := len(r.Diags)
	defer func() { k.found = r.Since(before) }()
	rep, ok := k.m.names.Repeat(r, k.b)
	k.expanded = true
	if !ok {
		return nil, false
	}
	if !rep.Known {
		at := cmp.Or(k.b.Attr("for_each"), k.b.Attr("count")).Range()
		r.Errorf(&at, "Not known in time", "How often a module is there must be known before the run; this depends on %s. Repeat the resources inside instead.", rep.Deps)
		return nil, false
	}
	k.ok, k.deps = true, rep.Deps
	for _, inst := range rep.List {
		k.modules = append(k.modules, k.m.e.newModule(k.called.Module, k.called.Place, &caller{call: k, inst: inst}))
	}
	return k.modules, true
}

// Callee is the module that is called; nil if it could not be read.
func (k *call) Callee() *syntax.Module { return k.called.Module }

// Value is the module as expressions see it: its outputs, those that are asked for ("" for all), of each instance.
func (k *call) Value(r *cell.Run, outputs []string) cell.Result {
	modules, ok := k.expand(r)
	if !ok {
		return cell.Failed()
	}
	if slices.Contains(outputs, "") {
		outputs = slices.Collect(maps.Keys(k.called.Module.Outputs))
	}
	res := cell.Result{OK: true, Deps: k.deps}
	members := make([]cty.Value, len(modules))
	for i, m := range modules {
		out := map[string]cty.Value{}
		for _, name := range outputs {
			one := r.Get(m.outputs[name])
			res.OK = res.OK && one.OK
			res.Deps = res.Deps.Add(one.Deps)
			out[name] = one.Val
		}
		members[i] = cty.ObjectVal(out)
	}
	res.Val = instances.Value(keys(modules), k.b.Attr("count") != nil, members)
	return res
}

func keys(modules []*module) []*instances.Instance {
	list := make([]*instances.Instance, len(modules))
	for i, m := range modules {
		list[i] = m.from.inst
	}
	return list
}
