package manifest

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/resources"
)

// Secret remembers a sensitive value.
func (c *compiler) Secret(v cty.Value) { c.secrets.Add(v) }

// Again evaluates in the run, with late values, one at a time and within bounds.
func (c *compiler) Again(ctx context.Context, late catalog.Values, do func(*cell.Run)) error {
	return limits.Run(ctx, limits.Default, func(ctx context.Context, at *limits.Place) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ctx, c.at = ctx, at
		c.step()
		do(cell.NewRun(late, c.next))
	})
}

// Ungiven says whose values are null in this run where that is all that is wrong: with values that are merely unknown, there is no mistake.
func (c *compiler) Ungiven(ctx context.Context, late catalog.Values, do func(*cell.Run)) (from []resources.Address, err error) {
	err = c.Again(ctx, late, func(r *cell.Run) {
		r.Blind = true
		do(r)
		if !r.Diags.HasErrors() {
			from = r.Ungiven
		}
	})
	return from, err
}

// Clashes says what of entries that are bound in the run contradicts others.
func (c *compiler) Clashes(bound []*catalog.Entry) hcl.Diagnostics {
	var found hcl.Diagnostics
	for _, p := range c.built.Clashes(bound) {
		found = append(found, fromProblem(p))
	}
	return found
}

// Explain gives mistakes their text and excerpts, without secrets.
func (c *compiler) Explain(found hcl.Diagnostics) diag.List {
	return diag.From(found, &c.files, c.secrets.Redact)
}
