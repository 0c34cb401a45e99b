// Package preview prints what is known of a resource's attributes of which the rest comes only in the run.
package preview

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/scope"
	"github.com/nodeapply/apply/manifest/internal/secrets"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
)

// mark begins what stands in the place of what is not known.
const mark = "(known after "

// Changes lists the attributes of an instance of a block, with its variables. Used is what all of it waits for, said where a part does not tell.
func Changes(r *cell.Run, in *scope.Scope, sh *shape.Shape, inst instances.Vars, used cell.Deps) []resources.Change {
	var out []resources.Change
	show := func(a *syntax.Attr, inst instances.Vars) string {
		ctx, own, ok := in.Context(r, &a.Expr, inst)
		if !ok {
			return ""
		}
		if len(own.Late()) == 0 {
			own = used
		}
		unknown := func(at hcl.Range) string {
			part := in.Part(r, &a.Expr, at)
			if len(part.Late()) == 0 {
				part = own
			}
			return mark + part.String() + ")"
		}
		return printer{ctx, unknown}.expr(a.Expression, false)
	}
	for _, name := range []string{"for_each", "count", "when"} {
		if a := sh.Block.Attr(name); a != nil {
			vars := inst
			if name != "when" {
				vars = nil
			}
			if text := show(a, vars); strings.Contains(text, mark) {
				out = append(out, resources.Change{Attr: name, To: text})
			}
		}
	}
	for _, a := range sh.Attrs {
		out = append(out, resources.Change{Attr: a.Name, To: show(a.Attr, inst)})
	}
	return out
}

// printer prints expressions of which parts are unknown.
type printer struct {
	context *hcl.EvalContext
	unknown func(hcl.Range) string // what stands for the part of the manifest in a range
}

// expr prints x, texts with quotes where they are inside of something.
func (p printer) expr(x hcl.Expression, quoted bool) string {
	v, diags := x.Value(p.context)
	switch {
	case diags.HasErrors():
		return p.unknown(x.Range())
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
			b.WriteString(p.expr(part, false))
		}
		if quoted {
			return `"` + b.String() + `"`
		}
		return b.String()
	case *hclsyntax.TemplateWrapExpr:
		return p.expr(x.Wrapped, quoted)
	case *hclsyntax.ParenthesesExpr:
		return p.expr(x.Expression, quoted)
	case *hclsyntax.TupleConsExpr:
		parts := make([]string, len(x.Exprs))
		for i, e := range x.Exprs {
			parts[i] = p.expr(e, true)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *hclsyntax.ObjectConsExpr:
		parts := make([]string, len(x.Items))
		for i, item := range x.Items {
			parts[i] = p.expr(item.KeyExpr, false) + " = " + p.expr(item.ValueExpr, true)
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return p.unknown(x.Range())
}

// showValue prints a known value as a manifest would write it, a text alone without quotes.
func showValue(v cty.Value, quoted bool) string {
	if v.IsNull() {
		return "null"
	}
	t := v.Type()
	switch {
	case t == cty.String && quoted:
		return address.Quote(v.AsString())
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
			if !address.IsIdentifier(key) {
				key = address.Quote(key)
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
