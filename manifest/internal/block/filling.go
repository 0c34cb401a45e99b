package block

import (
	"errors"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// filling puts evaluated attributes into one resource.
type filling struct {
	b            *Block
	r            *cell.Run
	inst         instances.Vars
	e            *catalog.Entry
	res          resources.Resource
	deps         cell.Deps
	late, failed bool
	wrongs       map[string]bool // attributes with a mistake already
	unnamed      bool            // only the run tells the naming attribute
	begins       string          // what that begins with
}

// fill evaluates the settings and the attributes of one instance.
func (b *Block) fill(r *cell.Run, inst *instances.Instance) (*catalog.Entry, cell.Deps) {
	e := b.blank(inst)
	f := filling{b: b, r: r, inst: inst.Vars(), e: e, res: b.sh.Schema.Type.New(b.addr.Title)}
	f.options()
	if e.Timeout == 0 {
		e.Timeout = b.sh.Schema.Type.Timeout
	}
	mistakes := len(r.Diags)
	for i := range b.sh.Attrs {
		f.attr(i)
	}
	switch {
	case e.Off: // not managed: what is wrong with its values is nobody's trouble
		r.Diags = r.Diags[:mistakes]
		e.Resource = f.res
		return e, f.deps
	case f.failed || b.sh.Bad:
		if !f.late {
			f.validate()
		}
		return b.stub(inst), f.deps
	case f.late:
		e.Deferred = b.deferred(r, inst, f.deps, f.res, only(inst))
		e.Deferred.Unnamed, e.Deferred.Begins = f.unnamed, f.begins
		return e, f.deps
	}
	f.validate()
	e.Resource = f.res
	return e, f.deps
}

// eval tells the watch over time and memory what comes.
func (f *filling) eval(a *syntax.Attr) cell.Result {
	f.r.Step(a.At)
	return f.b.in.Scope.Eval(f.r, &a.Expr, f.inst)
}

// options evaluates the metaparameters of one instance.
func (f *filling) options() {
	set := f.b.in.Inherited(f.r)
	for i, a := range f.b.sh.Options {
		set.Set(f.r, a, f.value(len(f.b.sh.Attrs)+i, a))
	}
	f.e.Options, f.deps, f.late, f.failed = set.Options, set.Deps, set.Late, set.Failed
}

// value evaluates an attribute, those that do not differ between instances once.
func (f *filling) value(i int, a *syntax.Attr) *cell.Result {
	if f.b.constant == nil || a.Each {
		res := f.eval(a)
		return &res
	}
	c := f.b.constant[i]
	if c != nil {
		f.r.Again(c.found)
		return &c.Result
	}
	before := len(f.r.Diags)
	c = &constant{Result: f.eval(a)}
	f.b.metIn(f.r.Diags[before:], f.b.addr) // all of them
	c.found = f.r.Since(before)
	f.b.constant[i] = c
	return &c.Result
}

// constant is a value that all instances have, with what is wrong with it.
type constant struct {
	cell.Result
	found hcl.Diagnostics
}

func (f *filling) attr(i int) {
	a := &f.b.sh.Attrs[i]
	res := f.value(i, a.Attr)
	if !res.OK {
		f.fail(a.Name)
		return
	}
	if len(res.Deps) > 0 {
		f.deps = f.deps.Add(res.Deps)
	}
	v := res.Val
	if a.Field.Title {
		f.unnamed, f.begins = !decode.Known(v), decode.Begins(v)
	}
	if a.Field.Secret {
		v = v.Mark(funcs.Sensitive)
	}
	if decode.Sensitive(v) {
		f.b.in.Host.Secret(v)
		if a.Field.Public {
			f.wrong(a, errors.New("a sensitive value cannot be used here: it would be visible to others; pass it by `environment`, `stdin` or a file's `content`, or say by `nonsensitive(...)` that it is no secret"))
			return
		}
		v = decode.Bare(v)
		f.e.Sensitive = append(f.e.Sensitive, a.Name)
	}
	if !decode.Known(v) {
		f.late = true
		return
	}
	if v.IsNull() {
		if a.Field.Required {
			f.wrong(a, errors.New("it is required and cannot be null"))
		}
		return
	}
	var err error
	if a.Name == "source" {
		err = f.b.in.Place.Confine(v)
	}
	if err == nil {
		err = a.Field.Set(f.res, v)
	}
	if err != nil {
		f.wrong(a, err)
	}
}

// wrong reports an attribute's value. What it says of a sensitive one is not repeated.
func (f *filling) wrong(a *shape.Attr, err error) {
	f.fail(a.Name)
	f.r.Errorf(a.Range().Ptr(), "Wrong value for `"+a.Name+"`", "%s.", diag.Sentence(err.Error()))
}

func (f *filling) fail(attr string) {
	f.failed = true
	if f.wrongs == nil {
		f.wrongs = map[string]bool{}
	}
	f.wrongs[attr] = true
}

// validate asks the resource itself. What it says of attributes that could not be set is not repeated.
func (f *filling) validate() {
	v, ok := f.res.(resources.Validator)
	if !ok {
		return
	}
	for _, err := range unjoin(v.Validate()) {
		if ae, ok := errors.AsType[*resources.AttrError](err); ok {
			if f.wrongs[ae.Attr] {
				continue
			}
			at := &f.b.sh.Block.Header
			if a := f.b.sh.Attr(ae.Attr); a != nil {
				at = a.Range().Ptr()
			} else if field := f.b.sh.Schema.Field(ae.Attr); field != nil && field.Required && !field.Title {
				continue // that it is missing is told already
			}
			f.r.Errorf(at, "Wrong value for `"+ae.Attr+"`", "%s.", diag.Sentence(ae.Err.Error()))
			continue
		}
		if f.failed {
			continue
		}
		f.r.Errorf(&f.b.sh.Block.Header, "Wrong declaration", "%s.", diag.Sentence(err.Error()))
	}
}

// unjoin takes errors.Join apart.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range j.Unwrap() {
			all = append(all, unjoin(e)...)
		}
		return all
	}
	return []error{err}
}
