package limits

import (
	"context"
	"fmt"
	"runtime"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// step is called by an evaluation between two of its parts, with the context that run gave it. It ends the evaluation, and the goroutine
// it runs in, if Run has given it up.
func step(ctx context.Context) {
	if ctx.Err() != nil {
		runtime.Goexit()
	}
}

// Bound puts bounds into e: its for expressions call step, if it is not nil, before each of their elements, its templates refuse to make
// more than MaxString, and nothing is divided by zero, which would be an infinite number. While the runtime copies a text of gigabytes nothing else can run, not even what would end the process.
//
// It changes e, which must not be evaluated by two goroutines at a time from then on.
func Bound(e hclsyntax.Expression, step func()) {
	hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			if step != nil {
				n.ValExpr = element{inside(n.ValExpr), step}
				if n.CondExpr != nil {
					n.CondExpr = element{inside(n.CondExpr), step}
				}
			}
		case *hclsyntax.TemplateJoinExpr:
			n.Tuple = part{outer: inside(n.Tuple), sum: new(int), first: true}
		case *hclsyntax.TemplateExpr:
			BoundParts(n)
		case *hclsyntax.BinaryOpExpr:
			if n.Op == hclsyntax.OpDivide || n.Op == hclsyntax.OpModulo {
				n.RHS = divisor{inside(n.RHS)}
			}
		}
		return nil
	})
}

// BoundParts is Bound for a template alone, without what is inside of its parts.
func BoundParts(t *hclsyntax.TemplateExpr) {
	var computed []int
	for i, p := range t.Parts {
		if _, literal := p.(*hclsyntax.LiteralValueExpr); !literal {
			computed = append(computed, i)
		}
	}
	if len(computed) < 2 {
		return
	}
	sum := new(int)
	for _, i := range computed {
		t.Parts[i] = part{outer: inside(t.Parts[i]), sum: sum, first: i == computed[0]}
	}
}

// outer is what stands around another expression: parentheses, because only HCL's own kinds of expressions can be walked through.
type outer struct{ *hclsyntax.ParenthesesExpr }

func inside(e hclsyntax.Expression) outer {
	return outer{&hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}}
}

// UnwrapExpression returns the expression as it was written.
func (o outer) UnwrapExpression() hcl.Expression { return o.Expression }

// element is an expression that is evaluated for each element.
type element struct {
	outer
	step func()
}

func (e element) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	e.step()
	return e.Expression.Value(ctx)
}

// part is an expression that becomes part of a template's text.
type part struct {
	outer
	sum   *int // bytes of the parts so far, of one template
	first bool
}

func (p part) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if p.first {
		*p.sum = 0
	}
	if *p.sum > MaxString { // told already
		return cty.DynamicVal, nil
	}
	v, diags := p.Expression.Value(ctx)
	if *p.sum += textLen(v); *p.sum > MaxString {
		return cty.DynamicVal, hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: Summary, Subject: p.SrcRange.Ptr(),
			Detail: fmt.Sprintf("With this the text is longer than the limit of %d MiB.", MaxString>>20),
		}}
	}
	return v, diags
}

// textLen is how many bytes of text v is: a string, or the strings of a tuple.
func textLen(v cty.Value) int {
	v, _ = v.Unmark()
	switch {
	case !v.IsKnown() || v.IsNull():
	case v.Type() == cty.String:
		return len(v.AsString())
	case v.Type().IsTupleType():
		sum := 0
		for it := v.ElementIterator(); it.Next() && sum <= MaxString; {
			_, e := it.Element()
			sum += textLen(e)
		}
		return sum
	}
	return 0
}

// divisor is what a number is divided by.
type divisor struct{ outer }

func (d divisor) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := d.Expression.Value(ctx)
	if diags.HasErrors() {
		return v, diags
	}
	bare, _ := v.Unmark()
	if n, err := convert.Convert(bare, cty.Number); err == nil && n.IsKnown() && !n.IsNull() && n.AsBigFloat().Sign() == 0 {
		return cty.DynamicVal, append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Division by zero", Subject: d.SrcRange.Ptr(), Detail: "What is divided by is zero here.",
		})
	}
	return v, diags
}
