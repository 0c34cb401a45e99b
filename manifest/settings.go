package manifest

import (
	"context"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
)

// ReadSettings reads a file of constants, NAME = VALUE a line in HCL or JSON. Values are nil, bool, float64, string, []any or map[string]any.
func ReadSettings(ctx context.Context, name string) (map[string]any, diag.List) {
	c, err := newCompiler(ctx, Options{})
	if err != nil {
		return nil, diag.List{{Severity: diag.Error, Summary: "Unreadable settings", Detail: err.Error()}}
	}
	out := map[string]any{}
	c.varFile(name, func(setting string, v givenVar, _ bool) {
		if v.ok {
			out[setting] = decode.Go(bare(v.val))
		}
	})
	list := diag.From(c.diags, c.reader, noSecrets)
	if list.HasErrors() {
		return nil, list
	}
	return out, nil
}
