package evaluator

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/manifest/variables"
)

// Output is a value that the root module hands out.
type Output struct {
	Name      string
	Sensitive bool
	Pos       catalog.Pos
	// Value is nil, bool, float64, json.Number (where a float64 is another number), string, []any or map[string]any.
	Value any
	// Late, if not nil, gives the value when the run has ended: it uses what only the run gives.
	Late func(ctx context.Context, values catalog.Values) (any, error)
}

// output computes a module's output.
func (m *module) output(r *cell.Run, b *syntax.Block) cell.Result {
	a := b.Attr("value")
	if a == nil {
		return cell.Failed()
	}
	res := m.noted(m.names.Eval(r, &a.Expr, nil))
	if !res.OK {
		return res
	}
	if variables.Flag(r, b, "sensitive", false) {
		res.Val = res.Val.Mark(funcs.Sensitive)
		return m.noted(res)
	}
	if m.from == nil && decode.Sensitive(res.Val) { // a module's caller gets the mark with the value
		r.Errorf(a.Range().Ptr(), "Sensitive output", "The value of this output is made of a sensitive value. Write `sensitive = true` in `output %q`.", b.Label)
		return cell.Failed()
	}
	return res
}

// rootOutputs computes the outputs of the root module.
func (m *module) rootOutputs(r *cell.Run) []Output {
	var out []Output
	for _, name := range slices.Sorted(maps.Keys(m.outputs)) {
		c, b := m.outputs[name], m.decl.Outputs[name]
		res := r.Get(c)
		if !res.OK {
			continue
		}
		o := Output{Name: name, Sensitive: decode.Sensitive(res.Val), Pos: diag.Pos(b.Header)}
		if decode.Known(res.Val) {
			var err error
			if o.Value, err = decode.Exact(decode.Bare(res.Val)); err != nil {
				r.Errorf(b.Attr("value").Range().Ptr(), "Wrong value for `value`", "%s.", diag.Sentence(err.Error()))
			}
		} else {
			o.Late = func(ctx context.Context, values catalog.Values) (any, error) { return m.e.lateOutput(ctx, c, values) }
		}
		out = append(out, o)
	}
	return out
}

// named lists what a value is made of.
func named(deps cell.Deps) string {
	var names []string
	for _, d := range deps {
		names = append(names, d.Addr.String())
	}
	return strings.Join(names, ", ")
}

// lateOutput computes an output when the run has ended.
func (e *Evaluator) lateOutput(ctx context.Context, out *cell.Cell, values catalog.Values) (value any, err error) {
	err = e.late.Eval(ctx, values, func(r *cell.Run) (err error) {
		res := r.Get(out)
		if !res.OK || !decode.Known(res.Val) {
			return errors.New(cmp.Or(res.Deps.String(), named(res.Deps)) + " did not run")
		}
		value, err = decode.Exact(decode.Bare(res.Val))
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}
