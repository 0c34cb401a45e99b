package evaluator

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/resources"
)

// Secret remembers a sensitive value.
func (e *Evaluator) Secret(v cty.Value) { e.Secrets.Add(v) }

// Again evaluates in the run, with late values, one at a time and within bounds.
func (e *Evaluator) Again(ctx context.Context, late catalog.Values, do func(*cell.Run)) error {
	return e.Watch.Run(ctx, func() { do(cell.NewRun(late, e.Watch.Next)) })
}

// Ungiven says whose values are null in this run where that is all that is wrong: with values that are merely unknown, there is no mistake.
func (e *Evaluator) Ungiven(ctx context.Context, late catalog.Values, do func(*cell.Run)) (from []resources.Address, err error) {
	err = e.Again(ctx, late, func(r *cell.Run) {
		r.Blind = true
		do(r)
		if !r.Diags.HasErrors() {
			from = r.Ungiven
		}
	})
	return from, err
}

// Clashes says what of entries that are bound in the run contradicts others.
func (e *Evaluator) Clashes(bound []*catalog.Entry) hcl.Diagnostics {
	return FromProblems(e.built.Clashes(bound))
}

// Explain gives mistakes their text and excerpts, without secrets.
func (e *Evaluator) Explain(found hcl.Diagnostics) diag.List {
	return diag.From(found, e.Files, e.Secrets.Redact)
}
