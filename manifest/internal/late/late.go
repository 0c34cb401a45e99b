// Package late evaluates again in the run what uses values that only the run gives.
package late

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/resources"
)

// Evaluator evaluates one thing at a time, within bounds.
type Evaluator struct {
	Watch *limits.Watch
	// Explain gives mistakes their text and excerpts, without secrets.
	Explain func(hcl.Diagnostics) diag.List
}

// Eval calls do, which evaluates with the values of the run. Mistakes that it is told are the error, a [diag.List]; else it is what do returns. Where all that
// is wrong is that the run did not give some values, it is a [catalog.NotGiven]: then do, which is called again with unknown values in their place
// (Blind), finds no mistake.
func (e *Evaluator) Eval(ctx context.Context, values catalog.Values, do func(*cell.Run) error) error {
	var problem error
	err := e.Watch.Run(ctx, func() {
		r := cell.NewRun(values, e.Watch.Next)
		problem = do(r)
		if found := e.Explain(r.Diags); found.HasErrors() {
			problem = found
		}
	})
	if err != nil || problem == nil {
		return err
	}
	var from []resources.Address
	err = e.Watch.Run(ctx, func() {
		r := cell.NewRun(values, e.Watch.Next)
		r.Blind = true
		do(r)
		if !r.Diags.HasErrors() {
			from = r.Ungiven
		}
	})
	switch {
	case err != nil:
		return err
	case len(from) > 0:
		return &catalog.NotGiven{From: from}
	}
	return problem
}

// Mistakes are what was found, explained as an error; nil if nothing was.
func (e *Evaluator) Mistakes(ctx context.Context, found hcl.Diagnostics) (problem error) {
	if len(found) == 0 {
		return nil
	}
	if err := e.Watch.Run(ctx, func() { problem = e.Explain(found) }); err != nil {
		return err
	}
	return problem
}
