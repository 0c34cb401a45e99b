package variables

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
)

// Setting is a constant of a file of settings.
type Setting struct {
	Value any    // nil, bool, float64, string, []any or map[string]any
	At    string // FILE:LINE
}

// Settings reads a file of constants, NAME = VALUE a line in HCL or JSON.
func Settings(ctx context.Context, name string) (map[string]Setting, diag.List) {
	r := &reader{ctx: ctx, files: &files.Reader{}, secretive: func(string) bool { return false }}
	out := map[string]Setting{}
	r.file(name, nil, func(setting string, _ *hcl.Range, v Given, _ bool) {
		if !v.OK {
			return
		}
		x, err := decode.Go(decode.Bare(v.Val))
		if err != nil {
			r.errorf(v.At, "Wrong value for `"+setting+"`", "%s.", diag.Sentence(err.Error()))
		}
		out[setting] = Setting{x, diag.Where(v.At)}
	})
	list := diag.From(r.diags, r.files, nil)
	if list.HasErrors() {
		return nil, list
	}
	return out, nil
}
