// Package native makes of values in JSON syntax the expressions that they are in native syntax.
package native

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
)

const byteOrderMark = "\ufeff"

// Expression makes an expression of a value: a string is a template. One in native syntax is itself.
func Expression(e hcl.Expression) (hclsyntax.Expression, hcl.Diagnostics) {
	if e, ok := e.(hclsyntax.Expression); ok {
		return e, nil
	}
	at := e.Range()
	if items, diags := hcl.ExprList(e); !diags.HasErrors() {
		return tuple(items, at)
	}
	if items, diags := hcl.ExprMap(e); !diags.HasErrors() {
		return object(items, at)
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}, diags
	}
	inner := hcl.Pos{Line: at.Start.Line, Column: at.Start.Column + 1, Byte: at.Start.Byte + 1} // behind the quote
	text := v.AsString()
	if strings.HasPrefix(text, byteOrderMark) { // the parser takes the first one for the beginning of a file
		text, inner.Byte = byteOrderMark+text, inner.Byte-len(byteOrderMark)
	}
	x, diags := hclsyntax.ParseTemplate([]byte(text), at.Filename, inner)
	switch x := x.(type) {
	case *hclsyntax.TemplateExpr:
		x.SrcRange = at
	case *hclsyntax.TemplateWrapExpr:
		x.SrcRange = at
	}
	return x, diags
}

func tuple(items []hcl.Expression, at hcl.Range) (hclsyntax.Expression, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	out := &hclsyntax.TupleConsExpr{Exprs: make([]hclsyntax.Expression, len(items)), SrcRange: at, OpenRange: at}
	for i, item := range items {
		x, more := Expression(item)
		out.Exprs[i], diags = x, append(diags, more...)
	}
	return out, diags
}

func object(items []hcl.KeyValuePair, at hcl.Range) (hclsyntax.Expression, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	out := &hclsyntax.ObjectConsExpr{Items: make([]hclsyntax.ObjectConsItem, len(items)), SrcRange: at, OpenRange: at}
	declared := make(map[string]hcl.Range, len(items))
	for i, item := range items {
		key, wrongKey := Expression(item.Key)
		if name, _ := item.Key.Value(nil); name.Type() == cty.String {
			at, twice := declared[name.AsString()]
			if twice {
				diags = append(diags, diag.Errorf(item.Key.Range().Ptr(), "Duplicate object attribute", "An attribute named %q was already defined at %s.", name.AsString(), at))
			}
			declared[name.AsString()] = item.Key.Range()
		}
		value, wrongValue := Expression(item.Value)
		out.Items[i] = hclsyntax.ObjectConsItem{KeyExpr: key, ValueExpr: value}
		diags = append(append(diags, wrongKey...), wrongValue...)
	}
	return out, diags
}
