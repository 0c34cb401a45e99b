package variables

import (
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/explain"
	"github.com/nodeapply/apply/manifest/internal/scope"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// Variable is a variable of one instance of a module.
type Variable struct {
	Block *syntax.Block
	Scope *scope.Scope
	// Given evaluates what it is given, at a place; ok is false if it is given nothing.
	Given func(r *cell.Run) (res cell.Result, at *hcl.Range, ok bool)
	// Caller is the block that calls the module; nil of the root module.
	Caller *syntax.Block
	// Secret is told sensitive values.
	Secret func(cty.Value)
}

// accepted is what a variable accepts.
type accepted struct {
	ty       cty.Type
	defaults *typeexpr.Defaults
}

func (v *Variable) accepts(r *cell.Run) (accepted, bool) {
	a := v.Block.Attr("type")
	if a == nil {
		return accepted{ty: cty.DynamicPseudoType}, true
	}
	ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expression)
	r.Diags = append(r.Diags, explain.Type(diags)...)
	return accepted{ty, defaults}, !diags.HasErrors()
}

// Flag evaluates a boolean attribute of a declaration, which must be a constant.
func Flag(r *cell.Run, b *syntax.Block, name string, fallback bool) bool {
	a := b.Attr(name)
	if a == nil {
		return fallback
	}
	v, diags := a.Value(nil)
	if diags.HasErrors() || v.Type() != cty.Bool || v.IsNull() || !v.IsKnown() {
		r.Errorf(a.Range().Ptr(), "Wrong value for `"+name+"`", "Want true or false, as a constant.")
		return fallback
	}
	return v.True()
}

// Value computes the value: given, else its default; of its type; valid.
func (v *Variable) Value(r *cell.Run) cell.Result {
	t, ok := v.accepts(r)
	nullable, sensitive := Flag(r, v.Block, "nullable", true), Flag(r, v.Block, "sensitive", false)
	if !ok {
		return cell.Failed()
	}
	def := v.fallback(r, t, nullable)
	res, at, given := v.Given(r)
	if given && res.OK && !nullable && res.Val.IsKnown() && res.Val.IsNull() {
		given = false
	}
	switch a := v.Block.Attr("default"); {
	case given && res.OK:
		res.Val, res.OK = v.conform(r, t, res.Val, at)
	case given:
	case a == nil:
		v.missing(r)
		return cell.Failed()
	default:
		res, at = def, a.Range().Ptr()
	}
	if !res.OK || !def.OK {
		return cell.Failed()
	}
	if sensitive {
		res.Val = res.Val.Mark(funcs.Sensitive)
	}
	if decode.Sensitive(res.Val) {
		v.Secret(res.Val)
	}
	if !v.validate(r, res.Val, at) {
		return cell.Failed()
	}
	return res
}

// Missing is the mistake of a module's caller, a block, that a variable is given no value.
func Missing(variable, caller *syntax.Block) *hcl.Diagnostic {
	return diag.Errorf(&caller.Header, "Missing attribute", "The module needs a value for its variable `%s` (declared at %s).", variable.Label, diag.Where(&variable.Header))
}

func (v *Variable) missing(r *cell.Run) {
	b := v.Block
	if v.Caller != nil {
		r.Diags = append(r.Diags, Missing(b, v.Caller))
		return
	}
	r.Errorf(&b.Header, "Missing value", "The variable `%s` has no default and was not given: set it by `--var %s=...`, in a `--var-file`, or as APPLY_VAR_%s.", b.Label, b.Label, b.Label)
}

// fallback is the default of a variable. It is looked at also where it is not needed: a mistake in it waits for who needs it.
func (v *Variable) fallback(r *cell.Run, t accepted, nullable bool) cell.Result {
	a := v.Block.Attr("default")
	if a == nil {
		return cell.Result{OK: true}
	}
	res := v.constant(r, a)
	if res.OK {
		res.Val, res.OK = v.conform(r, t, res.Val, a.Range().Ptr())
	}
	if res.OK && !nullable && res.Val.IsKnown() && res.Val.IsNull() {
		r.Errorf(a.Range().Ptr(), "Wrong value for variable `"+v.Block.Label+"`", "It may not be null.")
		return cell.Failed()
	}
	return res
}

// constant evaluates what may refer to nothing.
func (v *Variable) constant(r *cell.Run, a *syntax.Attr) cell.Result {
	if len(a.Refs) > 0 {
		r.Errorf(a.Refs[0].Range(), "Not a constant", "A default refers to nothing else; use a local for what is made of other values.")
		return cell.Failed()
	}
	return v.Scope.Eval(r, &a.Expr, nil)
}

// conform converts a value to the variable's type. The message does not repeat the value.
func (v *Variable) conform(r *cell.Run, t accepted, val cty.Value, at *hcl.Range) (cty.Value, bool) {
	if t.defaults != nil && val.IsKnown() && !val.IsNull() {
		marked, paths := val.UnmarkDeepWithPaths()
		val = t.defaults.Apply(marked).MarkWithPaths(paths)
	}
	out, err := convert.Convert(val, t.ty)
	if err != nil {
		detail := within(err) + err.Error()
		if decode.Sensitive(val) || Flag(r, v.Block, "sensitive", false) {
			v.Secret(val.Mark(funcs.Sensitive))
			detail = "want " + t.ty.FriendlyNameForConstraint() + ", got " + decode.Describe(val)
			if strings.HasSuffix(detail, " "+t.ty.FriendlyNameForConstraint()) {
				detail = "a part of it is of another type"
			}
		}
		r.Errorf(at, "Wrong value for variable `"+v.Block.Label+"`", "%s: its type, declared at %s, is `%s`.", diag.Sentence(detail), diag.Where(&v.Block.Header), typeText(t.ty))
		return val, false
	}
	return out, true
}

// within says in which part of a value an error is: "[0].port: ".
func within(err error) string {
	at, ok := errors.AsType[cty.PathError](err)
	if !ok || len(at.Path) == 0 {
		return ""
	}
	var b strings.Builder
	for _, step := range at.Path {
		switch step := step.(type) {
		case cty.GetAttrStep:
			b.WriteString("." + step.Name)
		case cty.IndexStep:
			if t := step.Key.Type(); step.Key.IsKnown() && (t == cty.String || t == cty.Number) {
				b.WriteString(reference.InstanceKey(step.Key))
			}
		}
	}
	return strings.TrimPrefix(b.String(), ".") + ": "
}

// validate checks the validation blocks, which see the variable itself as it is now.
func (v *Variable) validate(r *cell.Run, val cty.Value, at *hcl.Range) bool {
	ok := true
	for _, rule := range v.Block.Inner {
		cond, message := rule.Attr("condition"), rule.Attr("error_message")
		if cond == nil || message == nil {
			ok = false
			continue
		}
		res := v.Scope.With(v.Block.Label, val).Eval(r, &cond.Expr, nil)
		if !res.OK {
			ok = false
			continue
		}
		c, err := convert.Convert(decode.Bare(res.Val), cty.Bool)
		switch {
		case err != nil || c.IsNull():
			r.Errorf(cond.Range().Ptr(), "Wrong value for `condition`", "Want true or false, got %s.", decode.Describe(decode.Bare(res.Val)))
			ok = false
		case !c.IsKnown() || c.True():
		default:
			ok = false
			v.invalid(r, message, val, at)
		}
	}
	return ok
}

func (v *Variable) invalid(r *cell.Run, message *syntax.Attr, val cty.Value, at *hcl.Range) {
	says := "says that it is not valid."
	if res := v.Scope.With(v.Block.Label, val).Eval(r, &message.Expr, nil); res.OK && decode.Known(res.Val) {
		if m, err := convert.Convert(res.Val, cty.String); err == nil && !m.IsNull() && !m.IsMarked() && m.AsString() != "" {
			says = "says: " + m.AsString() // as its author wrote it
		}
	}
	r.Errorf(at, "Invalid value for variable `"+v.Block.Label+"`", "The validation at %s %s", diag.Where(message.At), says)
}
