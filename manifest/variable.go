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
	"github.com/nodeapply/apply/manifest/internal/explain"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// varType is what a variable accepts.
type varType struct {
	ty       cty.Type
	defaults *typeexpr.Defaults
}

func (s *scope) varType(r *run, b *syntax.Block) (varType, bool) {
	a := b.Attr("type")
	if a == nil {
		return varType{ty: cty.DynamicPseudoType}, true
	}
	ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expression)
	r.diags = append(r.diags, explain.Type(diags)...)
	return varType{ty, defaults}, !diags.HasErrors()
}

// flag evaluates a boolean attribute of a declaration, which must be a constant.
func (s *scope) flag(r *run, b *syntax.Block, name string, fallback bool) bool {
	a := b.Attr(name)
	if a == nil {
		return fallback
	}
	v, diags := a.Value(nil)
	if diags.HasErrors() || v.Type() != cty.Bool || v.IsNull() || !v.IsKnown() {
		r.errorf(a.Range().Ptr(), "Wrong value for `"+name+"`", "Want true or false, as a constant.")
		return fallback
	}
	return v.True()
}

// variable computes the value of a variable: given, else its default; of its type; valid.
func (s *scope) variable(r *run, b *syntax.Block) result {
	t, ok := s.varType(r, b)
	if !ok {
		return failed()
	}
	nullable := s.flag(r, b, "nullable", true)
	def := s.fallback(r, b, t)
	res, at, given := s.given(r, b.Label)
	if given && res.ok && !nullable && res.val.IsKnown() && res.val.IsNull() {
		given = false
	}
	switch a := b.Attr("default"); {
	case given && res.ok:
		res.val, res.ok = s.conform(r, b, t, res.val, at)
	case given:
	case a == nil:
		s.missing(r, b)
		return failed()
	default:
		res, at = def, a.Range().Ptr()
	}
	if !res.ok || !def.ok {
		return failed()
	}
	v := res.val
	if !nullable && v.IsKnown() && v.IsNull() {
		r.errorf(at, "Wrong value for variable `"+b.Label+"`", "It may not be null.")
		return failed()
	}
	if s.flag(r, b, "sensitive", false) {
		v = v.Mark(funcs.Sensitive)
	}
	res.val, res.ok = v, true
	res = s.noted(res)
	if !s.validate(r, b, res.val, at) {
		return failed()
	}
	return res
}

func (s *scope) missing(r *run, b *syntax.Block) {
	if s.from == nil {
		r.errorf(&b.Header, "Missing value", "The variable `%s` has no default and was not given: set it by `--var %s=...`, in a `--var-file`, or as APPLY_VAR_%s.", b.Label, b.Label, b.Label)
		return
	}
	r.errorf(&s.from.call.b.Header, "Missing attribute", "The module needs a value for its variable `%s` (declared at %s).", b.Label, diag.Where(&b.Header))
}

// fallback is the default of a variable. It is looked at also where it is not needed: a mistake in it waits for who needs it.
func (s *scope) fallback(r *run, b *syntax.Block, t varType) result {
	a := b.Attr("default")
	if a == nil {
		return result{ok: true}
	}
	res := s.constant(r, a)
	if res.ok {
		res.val, res.ok = s.conform(r, b, t, res.val, a.Range().Ptr())
	}
	return res
}

// constant evaluates what may refer to nothing.
func (s *scope) constant(r *run, a *syntax.Attr) result {
	if len(a.Refs) > 0 {
		r.errorf(a.Refs[0].Range(), "Not a constant", "A default refers to nothing else; use a local for what is made of other values.")
		return failed()
	}
	return s.eval(r, &a.Expr, nil)
}

// conform converts a value to the variable's type. The message does not repeat the value.
func (s *scope) conform(r *run, b *syntax.Block, t varType, v cty.Value, at *hcl.Range) (cty.Value, bool) {
	if t.defaults != nil && v.IsKnown() && !v.IsNull() {
		marked, paths := v.UnmarkDeepWithPaths()
		v = t.defaults.Apply(marked).MarkWithPaths(paths)
	}
	out, err := convert.Convert(v, t.ty)
	if err != nil {
		detail := within(err) + err.Error()
		if decode.Sensitive(v) || s.flag(r, b, "sensitive", false) {
			s.c.secrets.Add(v.Mark(funcs.Sensitive))
			detail = "want " + t.ty.FriendlyNameForConstraint() + ", got " + decode.Describe(v)
			if strings.HasSuffix(detail, " "+t.ty.FriendlyNameForConstraint()) {
				detail = "a part of it is of another type"
			}
		}
		r.errorf(at, "Wrong value for variable `"+b.Label+"`", "%s: its type, declared at %s, is `%s`.", diag.Sentence(detail), diag.Where(&b.Header), typeexpr.TypeString(t.ty))
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
func (s *scope) validate(r *run, b *syntax.Block, v cty.Value, at *hcl.Range) bool {
	ok := true
	for _, rule := range b.Inner {
		cond, message := rule.Attr("condition"), rule.Attr("error_message")
		if cond == nil || message == nil {
			ok = false
			continue
		}
		res := s.evalWith(r, &cond.Expr, b.Label, v)
		if !res.ok {
			ok = false
			continue
		}
		c, err := convert.Convert(decode.Bare(res.val), cty.Bool)
		switch {
		case err != nil || c.IsNull():
			r.errorf(cond.Range().Ptr(), "Wrong value for `condition`", "Want true or false, got %s.", decode.Describe(decode.Bare(res.val)))
			ok = false
		case !c.IsKnown() || c.True():
		default:
			ok = false
			s.invalid(r, b, message, v, at)
		}
	}
	return ok
}

func (s *scope) invalid(r *run, b *syntax.Block, message *syntax.Attr, v cty.Value, at *hcl.Range) {
	text := "the value is not valid"
	if res := s.evalWith(r, &message.Expr, b.Label, v); res.ok && decode.Known(res.val) {
		if m, err := convert.Convert(res.val, cty.String); err == nil && !m.IsNull() && !m.IsMarked() {
			text = m.AsString()
		}
	}
	r.errorf(at, "Invalid value for variable `"+b.Label+"`", "%s (by the validation at %s)", diag.Sentence(text)+".", diag.Where(message.At))
}

// evalWith evaluates an expression in which one variable has a value already.
func (s *scope) evalWith(r *run, x *syntax.Expr, name string, v cty.Value) result {
	own := &cell{state: done, result: result{val: v, ok: true}}
	own.compute = func(*run) result { return own.result }
	inner := *s
	inner.shared = nil
	inner.vars = map[string]*cell{name: own}
	for other, c := range s.vars {
		if other != name {
			inner.vars[other] = c
		}
	}
	return inner.eval(r, x, nil)
}
