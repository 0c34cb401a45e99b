package manifest

import (
	"errors"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
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
	for i, a := range f.g.sh.options {
		set.set(f.r, a, f.value(len(f.g.sh.attrs)+i, a))
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
	if sensitive(v) && a.Name != "when" {
		o.wrong(r, a, errors.New("a sensitive value cannot be used here: it would be visible to others"))
		return
	}
	v = bare(v)
	if !wholly(v) {
		o.late = true
		return
	}
	if v.IsNull() {
		return
	}
	if err := o.take(a.Name, v); err != nil {
		o.wrong(r, a, err)
	}
}

func (o *settings) wrong(r *run, a *syntax.Attr, err error) {
	o.failed = true
	r.errorf(a.Range().Ptr(), "Wrong value for `"+a.Name+"`", "%s.", sentence(err.Error()))
}

func (o *settings) take(name string, v cty.Value) error {
	switch name {
	case "when":
		on, err := truth(v)
		o.Off = o.Off || err == nil && !on
		return err
	case "noop":
		on, err := truth(v)
		o.Noop = o.Noop || on
		return err
	case "unless":
		return appendStrings(&o.Unless, v)
	case "onlyif":
		return appendStrings(&o.OnlyIf, v)
	case "tags":
		return appendStrings(&o.Tags, v)
	case "timeout":
		return duration(&o.Timeout, v)
	case "try_sleep":
		return duration(&o.TrySleep, v)
	case "tries":
		n, err := convert.Convert(v, cty.Number)
		if err != nil || !n.AsBigFloat().IsInt() || n.LessThan(cty.NumberIntVal(1)).True() || n.GreaterThan(cty.NumberIntVal(1e6)).True() {
			return errors.New("want a whole number from 1 on")
		}
		i, _ := n.AsBigFloat().Int64()
		o.Tries = int(i)
	}
	return nil
}

func truth(v cty.Value) (bool, error) {
	b, err := convert.Convert(v, cty.Bool)
	if err != nil {
		return false, errors.New("want true or false, got " + decode.Describe(v))
	}
	return b.True(), nil
}

func appendStrings(to *[]string, v cty.Value) error {
	var list resources.Strings
	if err := list.UnmarshalAttr(decode.Go(v)); err != nil {
		return err
	}
	*to = slices.Concat(*to, list) // never in place: calls around share it
	return nil
}

func duration(to *time.Duration, v cty.Value) error {
	var d resources.Duration
	err := d.UnmarshalAttr(decode.Go(v))
	*to = time.Duration(d)
	return err
}
