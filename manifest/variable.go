package manifest

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
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// varType is what a variable accepts.
type varType struct {
	ty       cty.Type
	defaults *typeexpr.Defaults
}

func (m *module) varType(r *cell.Run, b *syntax.Block) (varType, bool) {
	a := b.Attr("type")
	if a == nil {
		return varType{ty: cty.DynamicPseudoType}, true
	}
	ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expression)
	r.Diags = append(r.Diags, explain.Type(diags)...)
	return varType{ty, defaults}, !diags.HasErrors()
}

// flag evaluates a boolean attribute of a declaration, which must be a constant.
func (m *module) flag(r *cell.Run, b *syntax.Block, name string, fallback bool) bool {
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

// variable computes the value of a variable: given, else its default; of its type; valid.
func (m *module) variable(r *cell.Run, b *syntax.Block) cell.Result {
	t, ok := m.varType(r, b)
	if !ok {
		return cell.Failed()
	}
	nullable := m.flag(r, b, "nullable", true)
	def := m.fallback(r, b, t)
	res, at, given := m.given(r, b.Label)
	if given && res.OK && !nullable && res.Val.IsKnown() && res.Val.IsNull() {
		given = false
	}
	switch a := b.Attr("default"); {
	case given && res.OK:
		res.Val, res.OK = m.conform(r, b, t, res.Val, at)
	case given:
	case a == nil:
		m.missing(r, b)
		return cell.Failed()
	default:
		res, at = def, a.Range().Ptr()
	}
	if !res.OK || !def.OK {
		return cell.Failed()
	}
	v := res.Val
	if !nullable && v.IsKnown() && v.IsNull() {
		r.Errorf(at, "Wrong value for variable `"+b.Label+"`", "It may not be null.")
		return cell.Failed()
	}
	if m.flag(r, b, "sensitive", false) {
		v = v.Mark(funcs.Sensitive)
	}
	res.Val, res.OK = v, true
	res = m.noted(res)
	if !m.validate(r, b, res.Val, at) {
		return cell.Failed()
	}
	return res
}

// given is the value that a variable is given: from outside, or by the call of the module; ok is false if it is given none.
func (m *module) given(r *cell.Run, name string) (res cell.Result, at *hcl.Range, ok bool) {
	if m.from == nil {
		v, ok := m.c.given[name]
		if ok && !v.OK {
			return cell.Failed(), v.At, true
		}
		return cell.Result{Val: v.Val, OK: true}, v.At, ok
	}
	k := m.from.call
	a := k.b.Attr(name)
	if a == nil || syntax.IsMeta(name) || name == "source" {
		return cell.Result{}, nil, false
	}
	return k.m.names.Eval(r, &a.Expr, m.from.inst), a.Range().Ptr(), true
}

func (m *module) missing(r *cell.Run, b *syntax.Block) {
	if m.from == nil {
		r.Errorf(&b.Header, "Missing value", "The variable `%s` has no default and was not given: set it by `--var %s=...`, in a `--var-file`, or as APPLY_VAR_%s.", b.Label, b.Label, b.Label)
		return
	}
	r.Errorf(&m.from.call.b.Header, "Missing attribute", "The module needs a value for its variable `%s` (declared at %s).", b.Label, diag.Where(&b.Header))
}

// fallback is the default of a variable. It is looked at also where it is not needed: a mistake in it waits for who needs it.
func (m *module) fallback(r *cell.Run, b *syntax.Block, t varType) cell.Result {
	a := b.Attr("default")
	if a == nil {
		return cell.Result{OK: true}
	}
	res := m.constant(r, a)
	if res.OK {
		res.Val, res.OK = m.conform(r, b, t, res.Val, a.Range().Ptr())
	}
	return res
}

// constant evaluates what may refer to nothing.
func (m *module) constant(r *cell.Run, a *syntax.Attr) cell.Result {
	if len(a.Refs) > 0 {
		r.Errorf(a.Refs[0].Range(), "Not a constant", "A default refers to nothing else; use a local for what is made of other values.")
		return cell.Failed()
	}
	return m.names.Eval(r, &a.Expr, nil)
}

// conform converts a value to the variable's type. The message does not repeat the value.
func (m *module) conform(r *cell.Run, b *syntax.Block, t varType, v cty.Value, at *hcl.Range) (cty.Value, bool) {
	if t.defaults != nil && v.IsKnown() && !v.IsNull() {
		marked, paths := v.UnmarkDeepWithPaths()
		v = t.defaults.Apply(marked).MarkWithPaths(paths)
	}
	out, err := convert.Convert(v, t.ty)
	if err != nil {
		detail := within(err) + err.Error()
		if decode.Sensitive(v) || m.flag(r, b, "sensitive", false) {
			m.c.secrets.Add(v.Mark(funcs.Sensitive))
			detail = "want " + t.ty.FriendlyNameForConstraint() + ", got " + decode.Describe(v)
			if strings.HasSuffix(detail, " "+t.ty.FriendlyNameForConstraint()) {
				detail = "a part of it is of another type"
			}
		}
		r.Errorf(at, "Wrong value for variable `"+b.Label+"`", "%s: its type, declared at %s, is `%s`.", diag.Sentence(detail), diag.Where(&b.Header), typeexpr.TypeString(t.ty))
		return v, false
	}
	return out, true
}

// within says in which part of a value an error is: "[0].port: ".
func within(err error) string {
	var at cty.PathError
	if !errors.As(err, &at) || len(at.Path) == 0 {
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
func (m *module) validate(r *cell.Run, b *syntax.Block, v cty.Value, at *hcl.Range) bool {
	ok := true
	for _, rule := range b.Inner {
		cond, message := rule.Attr("condition"), rule.Attr("error_message")
		if cond == nil || message == nil {
			ok = false
			continue
		}
		res := m.names.With(b.Label, v).Eval(r, &cond.Expr, nil)
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
			m.invalid(r, b, message, v, at)
		}
	}
	return ok
}

func (m *module) invalid(r *cell.Run, b *syntax.Block, message *syntax.Attr, v cty.Value, at *hcl.Range) {
	text := "the value is not valid"
	if res := m.names.With(b.Label, v).Eval(r, &message.Expr, nil); res.OK && decode.Known(res.Val) {
		if m, err := convert.Convert(res.Val, cty.String); err == nil && !m.IsNull() && !m.IsMarked() {
			text = m.AsString()
		}
	}
	r.Errorf(at, "Invalid value for variable `"+b.Label+"`", "%s (by the validation at %s)", diag.Sentence(text)+".", diag.Where(message.At))
}
