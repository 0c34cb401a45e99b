// Package format puts manifests into canonical form.
package format

import (
	"context"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/limits"
)

// Formatter formats manifests. The limit of what all manifests together may hold is that of all its files.
type Formatter struct{ files files.Reader }

// New returns a Formatter that has read nothing.
func New() *Formatter { return &Formatter{} }

// File reads a manifest and gives it in canonical form, beside what it holds now. A file with mistakes in its syntax is not formatted.
func (f *Formatter) File(name string) (formatted, src []byte, diags diag.List) {
	_, found := f.files.Body(context.Background(), name)
	return f.format(name, found)
}

// Text is File for a manifest that comes from elsewhere than a file; name is for positions.
func (f *Formatter) Text(name string, in io.Reader) (formatted, src []byte, diags diag.List) {
	_, found := f.files.Text(context.Background(), name, in)
	return f.format(name, found)
}

func (f *Formatter) format(name string, found hcl.Diagnostics) (formatted, src []byte, diags diag.List) {
	file := f.files.File(name)
	if found.HasErrors() {
		return nil, nil, diag.From(found, &f.files, nil)
	}
	src = file.Bytes
	if strings.HasSuffix(name, ".json") {
		return src, src, nil // has no canonical form of ours
	}
	err := limits.Run(context.Background(), func() { formatted = hclwrite.Format(src) })
	if err != nil {
		return nil, nil, diag.From(hcl.Diagnostics{limits.Diagnose(err)}, &f.files, nil)
	}
	return formatted, src, nil
}
