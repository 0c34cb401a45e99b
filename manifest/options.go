package manifest

import (
	"errors"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/syntax"
)

// settings are evaluated metaparameters.
type settings struct {
	catalog.Options
	deps         deps
	late, failed bool
}

// settings of the calls around a scope: guards and tags add up, what is nearer wins.
func (s *scope) inherited(r *run) settings {
	if s.from == nil {
		return settings{}
	}
	if s.settings != nil && (r.late == nil || !s.settings.late) {
		return *s.settings
	}
	k := s.from.call
	out := k.s.inherited(r)
	for i := range k.b.Attrs {
		if a := &k.b.Attrs[i]; syntax.IsMeta(a.Name) && !syntax.IsRelation(a.Name) && a.Name != "for_each" && a.Name != "count" {
			res := k.s.eval(r, &a.Expr, s.from.inst)
			out.set(r, a, &res)
		}
	}
	if r.late == nil {
		s.settings = &out
	}
	return out
}

// options evaluates the metaparameters of one instance.
func (f *filling) options() {
	set := f.g.s.inherited(f.r)
	for i, a := range f.g.sh.Options {
		set.set(f.r, a, f.value(len(f.g.sh.Attrs)+i, a))
	}
	f.e.Options, f.deps, f.late, f.failed = set.Options, set.deps, set.late, set.failed
}

// set takes one metaparameter in.
func (o *settings) set(r *run, a *syntax.Attr, res *result) {
	if !res.ok {
		o.failed = true
		return
	}
	o.deps = o.deps.add(res.deps)
	v := res.val
	if decode.Sensitive(v) && a.Name != "when" {
		o.wrong(r, a, errors.New("a sensitive value cannot be used here: it would be visible to others"))
		return
	}
	v = decode.Bare(v)
	if !decode.Known(v) {
		o.late = true
		return
	}
	if v.IsNull() {
		return
	}
	if err := decode.Option(&o.Options, a.Name, v); err != nil {
		o.wrong(r, a, err)
	}
}

func (o *settings) wrong(r *run, a *syntax.Attr, err error) {
	o.failed = true
	r.errorf(a.Range().Ptr(), "Wrong value for `"+a.Name+"`", "%s.", diag.Sentence(err.Error()))
}
