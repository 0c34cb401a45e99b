package manifest

import (
	"context"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/variables"
)

// ReadSettings reads a file of constants, NAME = VALUE a line in HCL or JSON. Values are nil, bool, float64, string, []any or map[string]any.
func ReadSettings(ctx context.Context, name string) (map[string]any, diag.List) {
	r := &files.Reader{}
	values, diags := variables.Settings(ctx, r, name)
	list := diag.From(diags, r, noSecrets)
	if list.HasErrors() {
		return nil, list
	}
	return values, nil
}
