package block

import (
	"context"
	"errors"
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/preview"
	"github.com/nodeapply/apply/manifest/internal/scope"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/resources"
)

// deferred makes what is needed to bind the instances of a list when they are visited.
func (b *Block) deferred(r *cell.Run, inst *instances.Instance, used cell.Deps, blank resources.Resource, list lister) *catalog.Deferred {
	return &catalog.Deferred{
		Blank:   blank,
		Needs:   used.Late(),
		Preview: preview.Changes(r, b.in.Scope, b.sh, inst.Vars(), used),
		Bind: func(ctx context.Context, values catalog.Values) ([]*catalog.Entry, error) {
			return b.bind(ctx, values, list)
		},
	}
}

// only lists one instance.
func only(inst *instances.Instance) lister {
	return func(*cell.Run) []*instances.Instance { return []*instances.Instance{inst} }
}

// deferredGroup is the one entry of a block whose for_each or count only the run knows.
func (b *Block) deferredGroup(r *cell.Run, rep scope.Repetition) (*catalog.Entry, cell.Deps) {
	inst := instances.Unknown(b.sh.Block.Attr("count") != nil)
	e, used := b.entry(r, inst) // finds the mistakes that do not depend on the elements
	used = used.Add(rep.Deps)
	out := b.blank(nil)
	out.Options = e.Options
	out.Deferred = b.deferred(r, inst, used, b.sh.Schema.Type.New(b.addr.Title), func(r *cell.Run) []*instances.Instance {
		rep, ok := b.repeat(r)
		if ok && !rep.Known && !r.Blind {
			r.Errorf(&b.sh.Block.Header, "Not known", "How many there are is not known: %s did not run.", rep.Deps)
		}
		return rep.List
	})
	out.Deferred.Repeated = true
	out.Deferred.Unnamed = slices.ContainsFunc(b.sh.Attrs, func(a shape.Attr) bool { return a.Field.Title })
	switch names := catalog.Paths(e); {
	case e.Deferred != nil:
		out.Deferred.Begins = e.Deferred.Begins
	case len(names) == 1: // all of them have the one name
		out.Deferred.Begins = names[0]
	}
	return out, used
}

// bind evaluates instances anew with the values of the run.
func (b *Block) bind(ctx context.Context, values catalog.Values, list lister) ([]*catalog.Entry, error) {
	var out []*catalog.Entry
	var made []*instances.Instance
	err := b.in.Late.Eval(ctx, values, func(r *cell.Run) error {
		out, made = nil, list(r)
		for _, inst := range made {
			e, used := b.entry(r, inst)
			if e.Deferred != nil && !r.Blind {
				r.Errorf(&b.sh.Block.Header, "Not known", "A value is not known: %s did not run.", used)
			}
			out = append(out, e)
		}
		return nil
	})
	if err == nil {
		err = b.in.Host.Clashes(ctx, out)
	}
	var found diag.List
	switch {
	case errors.As(err, &found):
		return nil, mistaken(found)
	case err != nil:
		return nil, err
	}
	return append(out, b.missing(made)...), nil
}

// missing are entries, which fail, for the instances that relations name and that the run did not make.
func (b *Block) missing(made []*instances.Instance) []*catalog.Entry {
	var out []*catalog.Entry
	for _, m := range b.named.Missing(made) {
		e := b.blank(nil)
		e.Addr.Instance, e.Pos, e.AttrPos = m.Key, m.At, func(string) catalog.Pos { return m.At }
		e.Resource = resources.Missing{Err: m.Err}
		out = append(out, e)
	}
	return out
}

// lister lists the instances of a block with the values of the run; what is wrong or not known is told to the run.
type lister func(*cell.Run) []*instances.Instance

// mistake is what was found wrong only in the run, errors alone. The report has its place apart.
type mistake diag.List

func mistaken(found diag.List) mistake {
	return mistake(slices.DeleteFunc(found, func(d diag.Diagnostic) bool { return d.Severity != diag.Error }))
}

// Error is what the first mistake is, without its place, and all others.
func (m mistake) Error() string {
	first := m[0]
	first.Pos = catalog.Pos{}
	return diag.List(append(diag.List{first}, m[1:]...)).Error()
}

// Position returns the place of the first mistake.
func (m mistake) Position() catalog.Pos { return m[0].Pos }
