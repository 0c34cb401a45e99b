package manifest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/syntax"
)

// VarSource gives values to variables of the root module: one value, or a file of them.
type VarSource struct {
	File string // HCL (name = value), or JSON if its name ends in .json

	Name  string
	Value string // the text itself for a variable of type string, else an expression of constants
	// Origin says where the value came from, for messages: "--var device", "APPLY_VAR_device".
	Origin string
	// Optional: a name that the module has no variable for is no mistake (the environment).
	Optional bool
}

// givenVar is one value from outside.
type givenVar struct {
	result
	at *hcl.Range
}

// rootVars reads the values that are given from outside.
func (c *compiler) rootVars(m *syntax.Module) func(*run, string) (result, *hcl.Range, bool) {
	given := map[string]givenVar{}
	var names []string
	variables := map[string]*syntax.Block{}
	if m != nil {
		variables = m.Variables
		names = slices.Sorted(maps.Keys(variables))
	}
	take := func(name string, v givenVar, optional bool) {
		if variables[name] != nil {
			given[name] = v
		} else if !optional && m != nil {
			c.errorf(v.at, "Unknown variable", "There is no variable `%s`%s", name, diag.Suggest(name, names))
		}
	}
	for _, src := range c.opts.Vars {
		if src.File != "" {
			c.varFile(src.File, take)
			continue
		}
		at := &hcl.Range{Filename: src.Origin}
		take(src.Name, givenVar{c.parseVar(variables[src.Name], src, at), at}, src.Optional)
	}
	return func(_ *run, name string) (result, *hcl.Range, bool) {
		v, ok := given[name]
		return v.result, v.at, ok
	}
}

// parseVar reads a value that was given as text: as it is where the variable wants a string or does not say, else as an expression.
func (c *compiler) parseVar(b *syntax.Block, src VarSource, at *hcl.Range) result {
	text := result{val: cty.StringVal(strings.ToValidUTF8(src.Value, "\uFFFD")), ok: true}
	if b == nil {
		return text
	}
	a := b.Attr("type")
	if a == nil {
		return text
	}
	ty, diags := typeexpr.TypeConstraint(a.Expression)
	if diags.HasErrors() || ty.IsPrimitiveType() || ty == cty.DynamicPseudoType {
		return text
	}
	if diags = limits.CheckExpression(at.Filename, []byte(src.Value)); !diags.HasErrors() {
		x, more := hclsyntax.ParseExpression([]byte(src.Value), at.Filename, hcl.InitialPos)
		if diags = more; !diags.HasErrors() {
			v, more := c.constant(x)
			if diags = more; !diags.HasErrors() {
				return result{val: v, ok: true}
			}
		}
	}
	c.errorf(at, "Wrong value for variable `"+src.Name+"`", "Not a value of type `%s`: %s.", typeexpr.TypeString(ty), strings.TrimSuffix(diags[0].Detail, "."))
	return failed()
}

// constant evaluates, within bounds, what can refer to nothing.
func (c *compiler) constant(x hcl.Expression) (cty.Value, hcl.Diagnostics) {
	var v cty.Value
	var diags hcl.Diagnostics
	err := limits.Run(c.ctx, limits.Default, func(ctx context.Context, at *limits.Place) {
		at.Set(x.Range().Ptr())
		if native, ok := x.(hclsyntax.Expression); ok {
			limits.Bound(native, func() { limits.Step(ctx) })
		}
		v, diags = x.Value(nil)
	})
	if err != nil {
		return cty.DynamicVal, hcl.Diagnostics{exceeded(err)}
	}
	return v, diags
}

func (c *compiler) varFile(name string, take func(string, givenVar, bool)) {
	body, diags := c.reader.ReadBody(c.ctx, name)
	c.diags = append(c.diags, diags...)
	if body == nil {
		return
	}
	attrs, diags := body.JustAttributes()
	c.diags = append(c.diags, diags...)
	for _, attr := range slices.Sorted(maps.Keys(attrs)) {
		a := attrs[attr]
		res := failed()
		v, diags := c.constant(a.Expr)
		switch {
		case limits.Over(diags):
			c.diags = append(c.diags, diags...)
		case diags.HasErrors():
			c.errorf(a.Expr.Range().Ptr(), "Not a constant", "A value in a variables file refers to nothing else and calls no function.")
		default:
			res = result{val: v, ok: true}
		}
		take(attr, givenVar{res, a.Expr.Range().Ptr()}, false)
	}
}
