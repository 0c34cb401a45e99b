package block

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/reference"
)

// value is the resource as expressions see it: its attributes as declared, its defaults, its late values; for all instances.
func (b *Block) value(r *cell.Run) cell.Result {
	rep, ok := b.repeat(r)
	if !ok || b.sh.Bad {
		return cell.Failed()
	}
	res := cell.Result{OK: true, Deps: rep.Deps}
	if !rep.Known {
		res.Val = cty.DynamicVal
		return res
	}
	members := make([]cty.Value, len(rep.List))
	for i, inst := range rep.List {
		mistakes := len(r.Diags)
		one := b.instanceValue(r, inst)
		if !one.OK {
			if r.Late == nil || len(rep.List) == 1 {
				return cell.Failed()
			}
			r.Diags = r.Diags[:mistakes] // it fails itself, and who needs it is skipped: the others are none of its business
			one = cell.Result{Val: cty.DynamicVal}
		}
		members[i] = one.Val
		res.Deps = res.Deps.Add(one.Deps)
	}
	res.Val = instances.Value(rep.List, b.sh.Block.Attr("count") != nil, members)
	return res
}

func (b *Block) instanceValue(r *cell.Run, inst *instances.Instance) cell.Result {
	out := map[string]cty.Value{}
	blank := b.sh.Schema.Type.New(b.addr.Title)
	for _, name := range b.sh.Schema.Names() {
		out[name] = b.sh.Schema.Field(name).Get(blank)
	}
	res := cell.Result{OK: true}
	vars := inst.Vars()
	for i := range b.sh.Attrs {
		a := &b.sh.Attrs[i]
		one := b.in.Scope.Eval(r, &a.Expr, vars)
		if !one.OK {
			return cell.Failed()
		}
		if decode.Known(one.Val) && one.Val.IsNull() {
			continue
		}
		if !decode.Known(one.Val) {
			res.Deps = res.Deps.Add(one.Deps) // who waits for this value waits for what it is made of
		}
		out[a.Name] = b.declared(a, one.Val)
		if a.Field.Secret {
			out[a.Name] = out[a.Name].Mark(funcs.Sensitive)
		}
	}
	b.lateValues(r, inst, out)
	res.Val = cty.ObjectVal(out)
	return res
}

// declared is the value of an attribute as the resource takes it: a number given for a string is a string.
func (b *Block) declared(a *shape.Attr, v cty.Value) cty.Value {
	if !decode.Known(v) || decode.Sensitive(v) || !a.Field.Plain {
		return v
	}
	blank := b.sh.Schema.Type.New(b.addr.Title)
	if a.Field.Set(blank, v) != nil {
		return v
	}
	return a.Field.Get(blank)
}

// lateValues fills in what only the run gives: unknown while compiling, null for what this run does not manage. What may repeat the sensitive values of
// attributes is sensitive too.
func (b *Block) lateValues(r *cell.Run, inst *instances.Instance, out map[string]cty.Value) {
	var values map[string]any
	if r.Late != nil {
		values, _ = r.Late(b.instanceAddr(inst))
	}
	secret := decode.Sensitive(cty.ObjectVal(out))
	for _, name := range b.late() {
		out[name] = b.lateValue(r, inst, values[name])
		if secret && slices.Contains(b.sh.Schema.Type.Repeats, name) {
			out[name] = out[name].Mark(funcs.Sensitive)
		}
	}
}

func (b *Block) lateValue(r *cell.Run, inst *instances.Instance, given any) cty.Value {
	if r.Late == nil {
		return cty.DynamicVal
	}
	if r.Blind && given == nil {
		if addr := b.instanceAddr(inst); !slices.Contains(r.Ungiven, addr) {
			r.Ungiven = append(r.Ungiven, addr)
		}
		return cty.DynamicVal
	}
	v, err := decode.Value(given)
	if err != nil {
		return cty.NullVal(cty.DynamicPseudoType)
	}
	return v
}

// late lists what only the run gives.
func (b *Block) late() []string {
	t := b.sh.Schema.Type
	names := t.Late
	for _, name := range t.Found {
		if !slices.ContainsFunc(b.sh.Attrs, func(a shape.Attr) bool { return a.Name == name }) {
			names = append(slices.Clip(names), name)
		}
	}
	return names
}

// Value is what expressions see: the resource, all its instances.
func (b *Block) Value() *cell.Cell { return b.object }

// Dep is what follows from a reference: to which address, one instance if the reference names one, and whether it may yield a value that
// only the run gives.
func (b *Block) Dep(ref *reference.Ref) cell.Dep {
	dep := cell.Dep{Addr: b.addr, At: ref.Range()}
	if ref.Key() != cty.NilVal && b.repOK && (!b.rep.Known || len(b.rep.List) > 0 && b.rep.List[0] != nil) {
		dep.Addr.Instance = reference.InstanceKey(ref.Key())
	}
	name := ""
	if n := len(ref.Traversal); n > 2 {
		name, _ = reference.StepName(ref.Traversal[n-1])
	}
	late := b.late()
	dep.Late = slices.Contains(late, name) || !b.rep.Known || len(late) > 0 && (name == "" || b.sh.Schema.Field(name) == nil)
	return dep
}
