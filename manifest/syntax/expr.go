package syntax

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/limits"
)

// Expr is an expression with what it refers to.
type Expr struct {
	hcl.Expression
	Refs []Ref
	// Literal: its value needs nothing. Each: it differs between the instances of a block. Bad: a reference in it is a mistake.
	Literal, Each, Bad bool
}

// Ref is one reference of an expression.
type Ref struct {
	Root      string // var, local, fact, each, count, path, module or a resource type
	Name      string // of the variable, local, fact, module; the title of the resource
	Traversal hcl.Traversal
}

// Key is the instance of a resource or module that the reference names, NilVal if it names none.
func (r *Ref) Key() cty.Value {
	if len(r.Traversal) > 2 {
		if index, ok := r.Traversal[2].(hcl.TraverseIndex); ok {
			return index.Key
		}
	}
	return cty.NilVal
}

// Output is the output of a module that the reference names, "" for all of them.
func (r *Ref) Output() string {
	rest := r.Traversal[2:]
	if r.Key() != cty.NilVal {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return ""
	}
	name, _ := StepName(rest[0])
	return name
}

// Range is where the reference stands.
func (r *Ref) Range() *hcl.Range { return r.Traversal.SourceRange().Ptr() }

// String is the reference as it was written, up to the name or title.
func (r *Ref) String() string {
	if r.Name == "" {
		return r.Root
	}
	return r.Root + "." + r.Name
}

var valueRoots = []string{"var", "local", "fact", "each", "count", "path", "module"}

// resolve finds the references of an expression; those that cannot mean anything are mistakes.
// What it evaluates to is bounded from then on, and step is called between two elements.
func (x *Expr) resolve(kinds Kinds, step func()) hcl.Diagnostics {
	e, diags := native(x.Expression)
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
		ref, problem := newRef(t, kinds)
		if problem != nil {
			diags = append(diags, problem)
			x.Bad = true
			continue
		}
		x.Each = x.Each || ref.Root == "each" || ref.Root == "count"
		x.Refs = append(x.Refs, ref)
	}
	return diags
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

func newRef(t hcl.Traversal, kinds Kinds) (Ref, *hcl.Diagnostic) {
	ref := Ref{Root: t.RootName(), Traversal: t}
	isType := kinds.Known(ref.Root)
	if !isType && !slices.Contains(valueRoots, ref.Root) {
		names := slices.Concat(valueRoots, kinds.Names())
		return ref, diag.Errorf(ref.Range(), "Unknown name", "There is nothing called `%s`%s%s", ref.Root, diag.Suggest(ref.Root, names), quoteHint(t))
	}
	if len(t) < 2 {
		what := "a name, such as `" + ref.Root + ".name`"
		if isType && !slices.Contains(valueRoots, ref.Root) {
			what = "a title, such as `" + ref.Root + ".title` or `" + ref.Root + `["title"]` + "`"
		}
		return ref, diag.Errorf(ref.Range(), "Incomplete reference", "`%s` needs %s.", ref.Root, what)
	}
	name, ok := StepName(t[1])
	if !ok {
		return ref, diag.Errorf(ref.Range(), "Bad reference", "After `%s` comes a name or a title in quotes.", ref.Root)
	}
	ref.Name = name
	return ref, nil
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

// quoteHint helps who forgot the quotes around a word.
func quoteHint(t hcl.Traversal) string {
	if len(t) == 1 {
		return " A text stands in quotes: `\"" + t.RootName() + "\"`."
	}
	return ""
}

// StepName is the name that a step of a reference takes: .name or ["name"].
func StepName(step hcl.Traverser) (string, bool) {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name, true
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			return step.Key.AsString(), true
		}
	}
	return "", false
}

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

// Targets reads a relation: one reference or a list of them. What is not a reference is a mistake.
func Targets(e hcl.Expression, kinds Kinds) ([]Target, hcl.Diagnostics) {
	list, diags := hcl.ExprList(e)
	if diags.HasErrors() {
		list = []hcl.Expression{e}
	}
	diags = nil
	out := make([]Target, 0, len(list))
	for _, item := range list {
		t, bad := reference(item)
		if bad {
			diags = append(diags, diag.Errorf(item.Range().Ptr(), "Not a reference",
				"Here stands a reference, known without evaluating anything: `service.glusterd`, `file[\"/etc/hosts\"]`, `file.conf[\"a\"]`, `module.glusterfs`."))
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

func newTarget(t hcl.Traversal, kinds Kinds) (Target, *hcl.Diagnostic) {
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
