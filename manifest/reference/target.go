package reference

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
)

// Target is what a relation points to.
type Target struct {
	Modules []Step // below the module that speaks
	Type    string // "" for a whole module
	Title   string
	Key     cty.Value // the instance, NilVal for all
	At      hcl.Range
}

// Step is one module on the way to a target.
type Step struct {
	Name string
	Key  cty.Value // the instance, NilVal for all
}

// wanted is what a relation is made of.
const wanted = "Want a reference, written out: `service.glusterd`, `file[\"/etc/hosts\"]`, `file.conf[\"a\"]`, `module.glusterfs`."

// wantedLimit is what `limit` is made of.
const wantedLimit = "Want a reference to a resource of type limit, or a list of such references: `limit.NAME`."

// Targets reads a relation, the attribute of that name: one reference or a list of them. What is not a reference is a mistake.
func Targets(attr string, e hcl.Expression, kinds Kinds) ([]Target, hcl.Diagnostics) {
	list, diags := hcl.ExprList(e)
	if diags.HasErrors() {
		list = []hcl.Expression{e}
	}
	diags = nil
	wanted := wanted
	if attr == "limit" {
		wanted = wantedLimit
	}
	out := make([]Target, 0, len(list))
	for _, item := range list {
		t, bad := reference(item)
		if bad {
			diags = append(diags, diag.Errorf(item.Range().Ptr(), "Not a reference", "%s%s", wanted, meant(item, kinds)))
			continue
		}
		target, problem := newTarget(t, kinds)
		if problem != nil {
			diags = append(diags, problem)
			continue
		}
		out = append(out, target)
	}
	return out, diags
}

// reference reads an expression as a traversal; JSON writes it as a string, with or without "${}".
func reference(e hcl.Expression) (hcl.Traversal, bool) {
	if t, diags := hcl.AbsTraversalForExpr(e); !diags.HasErrors() {
		switch t.RootName() {
		case "null", "true", "false": // HCL takes them for names here
			return nil, true
		}
		return t, false
	}
	if _, native := e.(hclsyntax.Expression); native {
		return nil, true
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() {
		return nil, true
	}
	inner, ok := strings.CutPrefix(v.AsString(), "${")
	inner, closed := strings.CutSuffix(inner, "}")
	if !ok || !closed {
		return nil, true
	}
	t, diags := hclsyntax.ParseTraversalAbs([]byte(inner), e.Range().Filename, e.Range().Start)
	return t, diags.HasErrors()
}

// meant says how a reference is written that was nearly one, as a sentence to follow another; "" if none can be guessed.
func meant(e hcl.Expression, kinds Kinds) string {
	switch e := e.(type) {
	case *hclsyntax.BinaryOpExpr: // package.php8.2-fpm
		if names := e.Variables(); len(names) > 0 && kinds.Known(names[0].RootName()) {
			return " A title that is not a plain name stands in brackets: `" + names[0].RootName() + "[\"...\"]`."
		}
	case *hclsyntax.TemplateExpr:
		if !e.IsStringLiteral() {
			break
		}
		v, _ := e.Value(nil)
		if t, diags := hclsyntax.ParseTraversalAbs([]byte(v.AsString()), "", hcl.InitialPos); !diags.HasErrors() && len(t) > 1 {
			return " Without quotes this is one: `" + v.AsString() + "`."
		}
	case *hclsyntax.SplatExpr:
		return instances(e.Source)
	case *hclsyntax.IndexExpr: // package.p[each.key]
		return instances(e.Collection)
	}
	return ""
}

// instances says how all instances of a resource are written, as a sentence to follow another.
func instances(of hclsyntax.Expression) string {
	t, diags := hcl.AbsTraversalForExpr(of)
	switch {
	case diags.HasErrors():
		return ""
	case len(t) == 1:
		return " A type names no resources: list them, or put them into a module."
	}
	return " All instances are `" + Text(t) + "`."
}

func newTarget(t hcl.Traversal, kinds Kinds) (Target, *hcl.Diagnostic) {
	whole := t
	out := Target{At: t.SourceRange(), Key: cty.NilVal}
	incomplete := func(what string) (Target, *hcl.Diagnostic) {
		return out, diag.Errorf(&out.At, "Incomplete reference", "%s", what)
	}
	for len(t) > 0 && first(t) == "module" {
		if len(t) < 2 {
			return incomplete("`module` needs a name: `module.name`.")
		}
		name, ok := StepName(t[1])
		if !ok {
			return incomplete("After `module` comes its name.")
		}
		step := Step{Name: name, Key: cty.NilVal}
		t = t[2:]
		if len(t) > 0 {
			if index, ok := t[0].(hcl.TraverseIndex); ok {
				step.Key, t = index.Key, t[1:]
			}
		}
		out.Modules = append(out.Modules, step)
	}
	if len(t) == 0 {
		return out, nil
	}
	out.Type = first(t)
	if !kinds.Known(out.Type) {
		if len(out.Modules) == 0 && slices.Contains(valueRoots, out.Type) {
			return out, diag.Errorf(&out.At, "Not a reference", "`%s` is a value. %s", Text(whole), wanted)
		}
		return out, diag.Errorf(&out.At, "Unknown resource type", "There is no resource type `%s`%s", out.Type, diag.Suggest(out.Type, append(kinds.Names(), "module")))
	}
	if len(t) < 2 {
		return incomplete("`" + out.Type + "` needs a title: `" + out.Type + ".title` or `" + out.Type + `["title"]` + "`.")
	}
	title, ok := StepName(t[1])
	if !ok {
		return incomplete("After `" + out.Type + "` comes a title.")
	}
	out.Title = title
	t = t[2:]
	if len(t) > 0 {
		index, ok := t[0].(hcl.TraverseIndex)
		if !ok || len(t) > 1 {
			return out, diag.Errorf(&out.At, "Not a reference", "A relation names a resource or an instance of it, not one of its values.")
		}
		out.Key = index.Key
	}
	return out, nil
}

func first(t hcl.Traversal) string {
	switch step := t[0].(type) {
	case hcl.TraverseRoot:
		return step.Name
	case hcl.TraverseAttr:
		return step.Name
	}
	return ""
}
