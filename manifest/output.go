package manifest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// Output is a value that the root module hands out.
type Output struct {
	Name      string
	Sensitive bool
	Pos       resources.Pos
	// Value is nil, bool, float64, json.Number (where a float64 is another number), string, []any or map[string]any.
	Value any
	// Late, if not nil, gives the value when the run has ended: it uses what only the run gives.
	Late func(ctx context.Context, late catalog.Values) (any, error)
}

// output computes a module's output.
func (s *scope) output(r *run, b *syntax.Block) result {
	a := b.Attr("value")
	if a == nil {
		return failed()
	}
	res := s.noted(s.eval(r, &a.Expr, nil))
	if !res.ok {
		return res
	}
	if s.flag(r, b, "sensitive", false) {
		res.val = res.val.Mark(funcs.Sensitive)
		return s.noted(res)
	}
	if s.from == nil && decode.Sensitive(res.val) { // a module's caller gets the mark with the value
		r.errorf(a.Range().Ptr(), "Sensitive output", "The value of this output is made of a sensitive value. Write `sensitive = true` in `output %q`.", b.Label)
		return failed()
	}
	return res
}

// rootOutputs computes the outputs of the root module.
func (s *scope) rootOutputs(r *run) []Output {
	var out []Output
	for _, name := range slices.Sorted(maps.Keys(s.outputs)) {
		c, b := s.outputs[name], s.mod.Outputs[name]
		res := r.get(c)
		if !res.ok {
			continue
		}
		o := Output{Name: name, Sensitive: decode.Sensitive(res.val), Pos: diag.Pos(b.Header)}
		if decode.Known(res.val) {
			var err error
			if o.Value, err = decode.Exact(decode.Bare(res.val)); err != nil {
				r.errorf(b.Attr("value").Range().Ptr(), "Wrong value for `value`", "%s.", diag.Sentence(err.Error()))
			}
		} else {
			o.Late = func(ctx context.Context, late catalog.Values) (any, error) { return s.c.lateOutput(ctx, c, late) }
		}
		out = append(out, o)
	}
	return out
}

// lateOutput computes an output when the run has ended. Where that fails for want of values that the run did not give, the error says whose.
func (c *compiler) lateOutput(ctx context.Context, out *cell, late catalog.Values) (value any, problem error) {
	err := c.again(ctx, late, func(r *run) {
		res := r.get(out)
		found := diag.From(r.diags, &c.files, c.secrets.Redact)
		switch {
		case found.HasErrors():
			problem = found
		case !res.ok || !decode.Known(res.val):
			problem = errors.New(needs(res.deps) + " did not run")
		default:
			value, problem = decode.Exact(decode.Bare(res.val))
		}
	})
	if err != nil || problem == nil {
		return value, err
	}
	err = c.again(ctx, late, func(r *run) {
		r.blind = true
		if r.get(out); !r.diags.HasErrors() && len(r.ungiven) > 0 {
			problem = &catalog.NotGiven{From: r.ungiven}
		}
	})
	return nil, cmp.Or(err, problem)
}
