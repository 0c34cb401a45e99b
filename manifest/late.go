package manifest

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/preview"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// deferred makes what one instance needs to be bound when it is visited.
func (g *group) deferred(r *run, inst *instances.Instance, used deps, blank resources.Resource) *catalog.Deferred {
	return &catalog.Deferred{
		Blank:   blank,
		Needs:   used.lateOnes(),
		Preview: g.preview(r, inst, used),
		Bind: func(ctx context.Context, late catalog.Values) ([]*catalog.Entry, error) {
			return g.bind(ctx, late, func(*run) []*instances.Instance { return []*instances.Instance{inst} })
		},
	}
}

// deferredGroup is the one entry of a block whose for_each or count only the run knows.
func (g *group) deferredGroup(r *run, rep repetition) (*catalog.Entry, deps) {
	inst := instances.Unknown(g.sh.Block.Attr("count") != nil)
	e, used := g.entry(r, inst) // finds the mistakes that do not depend on the elements
	used = used.add(rep.deps)
	out := g.blank(nil)
	out.Options = e.Options
	out.Deferred = &catalog.Deferred{
		Blank:   g.sh.Schema.Type.New(g.addr.Title),
		Needs:   used.lateOnes(),
		Preview: g.preview(r, inst, used),
		Bind: func(ctx context.Context, late catalog.Values) ([]*catalog.Entry, error) {
			return g.bind(ctx, late, func(r *run) []*instances.Instance {
				rep, ok := g.repeat(r)
				if ok && !rep.known && !r.blind {
					r.errorf(&g.sh.Block.Header, "Not known", "How many there are is not known: %s did not run.", needs(rep.deps))
				}
				return rep.list
			})
		},
	}
	return out, used
}

// bind evaluates instances anew with the values of the run.
func (g *group) bind(ctx context.Context, late catalog.Values, list lister) ([]*catalog.Entry, error) {
	c := g.s.c
	var out []*catalog.Entry
	var found diag.List
	var clashes []catalog.Problem
	err := c.again(ctx, late, func(r *run) {
		for _, inst := range list(r) {
			e, used := g.entry(r, inst)
			if e.Deferred != nil {
				r.errorf(&g.sh.Block.Header, "Not known", "A value is not known: %s did not run.", needs(used))
			}
			if !e.Off {
				out = append(out, e)
			}
		}
		if !r.diags.HasErrors() {
			clashes = c.built.Clashes(out)
			for _, p := range clashes {
				r.diags = append(r.diags, fromProblem(p))
			}
		}
		found = diag.From(r.diags, &c.files, c.secrets.Redact)
	})
	switch {
	case err != nil || !found.HasErrors():
		return out, err
	case len(clashes) > 0:
		return nil, mistaken(found)
	}
	ungiven, err := g.ungiven(ctx, late, list)
	switch {
	case err != nil:
		return nil, err
	case len(ungiven) > 0:
		return nil, &catalog.NotGiven{From: ungiven}
	}
	return nil, mistaken(found)
}

// lister lists the instances of a block with the values of the run; what is wrong or not known is told to the run.
type lister func(*run) []*instances.Instance

// ungiven says whose values are null in this run where that is all that is wrong with instances that could not be bound: with values
// that are merely unknown, there is no mistake.
func (g *group) ungiven(ctx context.Context, late catalog.Values, list lister) (from []resources.Address, err error) {
	err = g.s.c.again(ctx, late, func(r *run) {
		r.blind = true
		for _, inst := range list(r) {
			g.entry(r, inst)
		}
		if !r.diags.HasErrors() {
			from = r.ungiven
		}
	})
	return from, err
}

// mistake is what was found wrong only in the run, errors alone. The report has its place apart.
type mistake diag.List

func mistaken(found diag.List) mistake {
	return mistake(slices.DeleteFunc(found, func(d diag.Diagnostic) bool { return d.Severity != diag.Error }))
}

// Error is what the first mistake is, without its place, and all others.
func (m mistake) Error() string {
	first := m[0]
	first.Pos = resources.Pos{}
	return diag.List(append(diag.List{first}, m[1:]...)).Error()
}

// Position returns the place of the first mistake.
func (m mistake) Position() resources.Pos { return m[0].Pos }

// again evaluates with late values, one at a time and within bounds.
func (c *compiler) again(ctx context.Context, late catalog.Values, do func(*run)) error {
	return limits.Run(ctx, limits.Default, func(ctx context.Context, at *limits.Place) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ctx, c.at = ctx, at
		c.step()
		do(&run{c: c, late: late, memo: map[*cell]*cell{}})
	})
}

// needs names what a value waits for.
func needs(d deps) string {
	var names []string
	for _, a := range d.lateOnes() {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

// preview lists the attributes as far as they are known.
func (g *group) preview(r *run, inst *instances.Instance, used deps) []resources.Change {
	b := g.sh.Block
	var out []resources.Change
	show := func(a *syntax.Attr, inst *instances.Instance) string {
		ctx, own, ok := g.s.context(r, &a.Expr, inst)
		if !ok {
			return ""
		}
		if len(own.lateOnes()) == 0 {
			own = used
		}
		unknown := func(at hcl.Range) string {
			part := g.s.within(r, &a.Expr, at)
			if len(part.lateOnes()) == 0 {
				part = own
			}
			return "(known after " + needs(part) + ")"
		}
		return preview.Printer{Context: ctx, Unknown: unknown}.Expression(a.Expression)
	}
	for _, name := range []string{"for_each", "count", "when"} {
		if a := b.Attr(name); a != nil {
			in := inst
			if name != "when" {
				in = nil
			}
			if text := show(a, in); strings.Contains(text, "(known after ") {
				out = append(out, resources.Change{Attr: name, To: text})
			}
		}
	}
	for _, a := range g.sh.Attrs {
		out = append(out, resources.Change{Attr: a.Name, To: show(a.Attr, inst)})
	}
	return out
}

// within is what the references in a part of an expression use.
func (s *scope) within(r *run, x *syntax.Expr, part hcl.Range) deps {
	b := binder{s: s, r: r, x: x, ctx: s.base, ok: true}
	for i := range x.Refs {
		if at := x.Refs[i].Range(); part.Start.Byte <= at.Start.Byte && at.End.Byte <= part.End.Byte {
			b.bind(&x.Refs[i])
		}
	}
	return b.deps
}
