// Package preview prints what is known of values of which the rest comes only in the run.
package preview

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/internal/secrets"
	"github.com/nodeapply/apply/resources"
)

// Printer prints expressions of which parts are unknown.
type Printer struct {
	Context *hcl.EvalContext
	// Unknown is what stands for the part of the manifest in a range.
	Unknown func(hcl.Range) string
}

// Expression prints x.
func (s Printer) Expression(x hcl.Expression) string { return s.expr(x, false) }

func (s Printer) expr(x hcl.Expression, quoted bool) string {
	v, diags := x.Value(s.Context)
	switch {
	case diags.HasErrors():
		return s.Unknown(x.Range())
	case decode.Sensitive(v):
		return secrets.Hidden
	case decode.Known(v):
		return showValue(v, quoted)
	}
	if bounded, ok := x.(interface{ UnwrapExpression() hcl.Expression }); ok {
		x = bounded.UnwrapExpression()
	}
	switch x := x.(type) {
	case *hclsyntax.TemplateExpr:
		var b strings.Builder
		for _, part := range x.Parts {
			b.WriteString(s.expr(part, false))
		}
		if quoted {
			return `"` + b.String() + `"`
		}
		return b.String()
	case *hclsyntax.TemplateWrapExpr:
		return s.expr(x.Wrapped, quoted)
	case *hclsyntax.ParenthesesExpr:
		return s.expr(x.Expression, quoted)
	case *hclsyntax.TupleConsExpr:
		parts := make([]string, len(x.Exprs))
		for i, e := range x.Exprs {
			parts[i] = s.expr(e, true)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *hclsyntax.ObjectConsExpr:
		parts := make([]string, len(x.Items))
		for i, item := range x.Items {
			parts[i] = s.expr(item.KeyExpr, false) + " = " + s.expr(item.ValueExpr, true)
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return s.Unknown(x.Range())
}

// showValue prints a known value as a manifest would write it, a text alone without quotes.
func showValue(v cty.Value, quoted bool) string {
	if v.IsNull() {
		return "null"
	}
	t := v.Type()
	switch {
	case t == cty.String && quoted:
		return resources.Quote(v.AsString())
	case t == cty.String:
		return v.AsString()
	case t == cty.Bool:
		return fmt.Sprint(v.True())
	case t == cty.Number:
		return v.AsBigFloat().Text('f', -1)
	case t.IsMapType(), t.IsObjectType():
		var parts []string
		for k, e := range v.Elements() {
			key := k.AsString()
			if !resources.IsIdentifier(key) {
				key = resources.Quote(key)
			}
			parts = append(parts, key+" = "+showValue(e, true))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case v.CanIterateElements():
		var parts []string
		for _, e := range v.Elements() {
			parts = append(parts, showValue(e, true))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return t.FriendlyName()
}
