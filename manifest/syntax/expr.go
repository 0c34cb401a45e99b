package syntax

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax/internal/native"
)

// Expr is an expression with what it refers to.
type Expr struct {
	hcl.Expression
	Refs []reference.Ref
	// Literal: its value needs nothing. Each: it differs between the instances of a block. Bad: a reference in it is a mistake.
	Literal, Each, Bad bool
}

// resolve finds the references of an expression; those that cannot mean anything are mistakes.
// What it evaluates to is bounded from then on, and step is called between two elements.
func (x *Expr) resolve(kinds reference.Kinds, step func()) hcl.Diagnostics {
	e, diags := native.Expression(x.Expression)
	x.Expression = e
	if diags.HasErrors() {
		x.Bad = true
		return diags
	}
	if literal(e) {
		x.Literal = true
		return nil
	}
	for _, t := range traversals(e, nil, step) {
		ref, problem := reference.New(t, kinds)
		if problem != nil {
			if len(t) == 1 && inText(e, t.SourceRange()) {
				problem.Detail = fmt.Sprintf("There is nothing called `%[1]s`. Where it is to stand in the text as it is, for a shell, write `$${%[1]s}`.", t.RootName())
			}
			diags = append(diags, problem)
			x.Bad = true
			continue
		}
		x.Each = x.Each || ref.Root == "each" || ref.Root == "count"
		x.Refs = append(x.Refs, ref)
	}
	return diags
}

// inText says that a place in an expression is inside of a text.
func inText(e hclsyntax.Expression, at hcl.Range) bool {
	found := false
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n.(type) {
		case *hclsyntax.TemplateExpr, *hclsyntax.TemplateWrapExpr:
			r := n.Range()
			found = found || r.Start.Byte <= at.Start.Byte && at.End.Byte <= r.End.Byte
		}
		return nil
	})
	return found
}

// literal says that an expression is a plain string, number or truth value.
func literal(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.TemplateExpr:
		return e.IsStringLiteral()
	}
	return false
}

// written says that an expression is a text that stands there as it is, in one line or many.
func written(x hcl.Expression) bool {
	e, diags := native.Expression(x)
	switch e := e.(type) {
	case *hclsyntax.TemplateExpr:
		return !diags.HasErrors() && !slices.ContainsFunc(e.Parts, func(part hclsyntax.Expression) bool { return !literal(part) })
	case *hclsyntax.LiteralValueExpr:
		return e.Val.Type() == cty.String
	}
	return false
}

// Const returns the value of a literal.
func (x *Expr) Const() (cty.Value, hcl.Diagnostics) {
	if t, ok := x.Expression.(*hclsyntax.TemplateExpr); ok {
		return t.Parts[0].Value(nil)
	}
	return x.Value(nil)
}

// Text is the expression as it stands in the manifest.
func (x *Expr) Text(src []byte) string {
	r := x.Range()
	if r.Start.Byte > r.End.Byte || r.End.Byte > len(src) {
		return ""
	}
	return string(src[r.Start.Byte:r.End.Byte])
}

// traversals lists the references of an expression: as Variables does, which goes through an interface for every node. It also puts
// bounds into the expression.
func traversals(e hclsyntax.Expression, list []hcl.Traversal, step func()) []hcl.Traversal {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return list
	case *hclsyntax.ScopeTraversalExpr:
		return append(list, e.Traversal)
	case *hclsyntax.TemplateWrapExpr:
		return traversals(e.Wrapped, list, step)
	case *hclsyntax.TemplateExpr:
		for _, part := range e.Parts {
			list = traversals(part, list, step)
		}
		limits.BoundParts(e)
		return list
	case *hclsyntax.TupleConsExpr:
		for _, item := range e.Exprs {
			list = traversals(item, list, step)
		}
		return list
	case *hclsyntax.FunctionCallExpr:
		for _, arg := range e.Args {
			list = traversals(arg, list, step)
		}
		return list
	}
	limits.Bound(e, step)
	return append(list, e.Variables()...)
}
