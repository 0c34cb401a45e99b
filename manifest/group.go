package manifest

import (
	"errors"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// group is a resource block in one scope: all its instances.
type group struct {
	s      *scope
	sh     *shape.Shape
	addr   resources.Address // without instance
	object *cell             // what expressions see

	expanded bool
	rep      repetition
	repOK    bool
	constant []*result // by attribute: values that are the same for all instances
	// The entries of one group share these.
	attrPos func(string) resources.Pos
	origins func(string) []string
}

func (c *compiler) newGroup(s *scope, b *syntax.Block) *group {
	g := &group{s: s, sh: c.shape(s.mod, b)}
	g.addr = resources.Address{Module: s.addr, Type: b.Kind, Title: b.Label}
	g.object = &cell{what: resources.Address{Type: b.Kind, Title: b.Label}.String(), at: &b.Header, compute: g.value}
	g.attrPos, g.origins = g.posOf, g.originsOf
	return g
}

// repeat expands the block once; a run that sees late values does so again where it was not known.
func (g *group) repeat(r *run) (repetition, bool) {
	if g.expanded && (r.late == nil || g.rep.known) {
		return g.rep, g.repOK
	}
	rep, ok := g.s.repeat(r, g.sh.Block)
	if r.late == nil {
		g.expanded, g.rep, g.repOK = true, rep, ok
	}
	return rep, ok
}

// emit adds the block's entries to the catalog's.
func (g *group) emit(r *run) {
	c := g.s.c
	var all deps
	rep, ok := g.repeat(r)
	switch {
	case !ok:
		c.entries = append(c.entries, g.stub(nil))
	case !rep.known:
		e, used := g.deferredGroup(r, rep)
		c.entries, all = append(c.entries, e), used
	default:
		if len(rep.list) > 1 {
			g.constant = make([]*result, len(g.sh.Attrs)+len(g.sh.Options))
		}
		for _, inst := range rep.list {
			if len(c.entries) >= instances.Max {
				r.errorf(&g.sh.Block.Header, "Over the limit", "The catalog is over the limit of %d resources.", instances.Max)
				break
			}
			c.step()
			e, used := g.entry(r, inst)
			c.entries, all = append(c.entries, e), all.add(used)
		}
		g.constant = nil
	}
	c.related = append(c.related, related{group: g, deps: all.add(rep.deps)})
}

// blank is an entry that holds only what every entry of the block has.
func (g *group) blank(inst *instances.Instance) *catalog.Entry {
	e := &catalog.Entry{Addr: g.addr, Pos: diag.Pos(g.sh.Block.Header), Awaits: g.sh.Schema.Type.Awaits, AttrPos: g.attrPos, Origins: g.origins}
	e.Addr.Instance = inst.Suffix()
	return e
}

// stub stands for an instance that has mistakes, so that references to it are none.
func (g *group) stub(inst *instances.Instance) *catalog.Entry {
	e := g.blank(inst)
	e.Off, e.Resource = true, g.sh.Schema.Type.New(g.addr.Title)
	return e
}

// entry evaluates one instance. The deps are all resources whose values it uses.
func (g *group) entry(r *run, inst *instances.Instance) (*catalog.Entry, deps) {
	before := len(r.diags)
	e, used := g.fill(r, inst)
	g.metIn(r.diags[before:], e.Addr)
	return e, used
}

// metIn says of mistakes in the block which of the resources made of it they were met in.
func (g *group) metIn(found hcl.Diagnostics, a resources.Address) {
	var in diag.In
	if a.Module != "" || a.Instance != "" {
		in = diag.In(a.String())
	}
	for _, d := range found {
		if d.Extra == nil && d.Subject != nil && g.sh.Block.Holds(d.Subject) {
			d.Extra = in
		}
	}
}

func (g *group) fill(r *run, inst *instances.Instance) (*catalog.Entry, deps) {
	e := g.blank(inst)
	f := filling{g: g, r: r, inst: inst, e: e, res: g.sh.Schema.Type.New(g.addr.Title)}
	f.options()
	if e.Timeout == 0 {
		e.Timeout = g.sh.Schema.Type.Timeout
	}
	mistakes := len(r.diags)
	for i := range g.sh.Attrs {
		f.attr(i)
	}
	switch {
	case e.Off: // not managed: what is wrong with its values is nobody's trouble
		r.diags = r.diags[:mistakes]
		e.Resource = f.res
		return e, f.deps
	case f.failed || g.sh.Bad:
		if !f.late {
			f.validate()
		}
		return g.stub(inst), f.deps
	case f.late:
		e.Deferred = g.deferred(r, inst, f.deps, f.res)
		return e, f.deps
	}
	f.validate()
	e.Resource = f.res
	return e, f.deps
}

// eval tells the watch over time and memory what comes.
func (f *filling) eval(a *syntax.Attr) result {
	f.g.s.c.at.Set(a.At)
	return f.g.s.eval(f.r, &a.Expr, f.inst)
}

// filling puts evaluated attributes into one resource.
type filling struct {
	g            *group
	r            *run
	inst         *instances.Instance
	e            *catalog.Entry
	res          resources.Resource
	deps         deps
	late, failed bool
	wrongs       map[string]bool // attributes with a mistake already
}

// value evaluates an attribute, those that do not differ between instances once.
func (f *filling) value(i int, a *syntax.Attr) *result {
	shared := f.g.constant != nil && !a.Each
	if shared && f.g.constant[i] != nil {
		return f.g.constant[i]
	}
	before := len(f.r.diags)
	res := f.eval(a)
	if shared {
		f.g.constant[i] = &res
		f.g.metIn(f.r.diags[before:], f.g.addr) // all of them
	}
	return &res
}

func (f *filling) attr(i int) {
	a := &f.g.sh.Attrs[i]
	res := f.value(i, a.Attr)
	if !res.ok {
		f.fail(a.Name)
		return
	}
	if len(res.deps) > 0 {
		f.deps = f.deps.add(res.deps)
	}
	v := res.val
	if a.Field.Secret {
		v = v.Mark(funcs.Sensitive)
	}
	if decode.Sensitive(v) {
		f.g.s.c.secrets.Add(v)
		if a.Field.Public {
			f.wrong(a, errors.New("a sensitive value cannot be used here: it would be visible to others; pass it by `environment`, `stdin` or a file's `content`"))
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
	if err := a.Field.Set(f.res, v); err != nil {
		f.wrong(a, err)
	}
}

// wrong reports an attribute's value. What it says of a sensitive one is not repeated.
func (f *filling) wrong(a *shape.Attr, err error) {
	f.fail(a.Name)
	f.r.errorf(a.Range().Ptr(), "Wrong value for `"+a.Name+"`", "%s.", diag.Sentence(err.Error()))
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
		var ae *resources.AttrError
		if errors.As(err, &ae) {
			if f.wrongs[ae.Attr] {
				continue
			}
			at := &f.g.sh.Block.Header
			if a := f.g.sh.Attr(ae.Attr); a != nil {
				at = a.Range().Ptr()
			}
			f.r.errorf(at, "Wrong value for `"+ae.Attr+"`", "%s.", diag.Sentence(ae.Err.Error()))
			continue
		}
		if f.failed {
			continue
		}
		f.r.errorf(&f.g.sh.Block.Header, "Wrong declaration", "%s.", diag.Sentence(err.Error()))
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

func (g *group) posOf(attr string) resources.Pos {
	if a := g.sh.Attr(attr); a != nil {
		return diag.Pos(hcl.RangeBetween(*a.At, a.Range()))
	}
	for _, x := range g.sh.Relations {
		if x.Kind == attr && len(x.Targets) > 0 {
			return diag.Pos(x.Targets[0].At)
		}
	}
	return diag.Pos(g.sh.Block.Header)
}
