// Package reference tells what expressions and relations of a manifest refer to, from how it is written: nothing is evaluated.
package reference

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/resources/address"
)

// Kinds says which names are resource types.
type Kinds interface {
	Known(name string) bool
	Names() []string
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

// New makes a reference of a traversal, or tells why it cannot mean anything.
func New(t hcl.Traversal, kinds Kinds) (Ref, *hcl.Diagnostic) {
	ref := Ref{Root: t.RootName(), Traversal: t}
	isType := kinds.Known(ref.Root)
	if !isType && !slices.Contains(valueRoots, ref.Root) {
		if len(t) == 1 {
			return ref, diag.Errorf(ref.Range(), "Unknown name", "There is nothing called `%s`. %s", ref.Root, quoteHint(ref.Root))
		}
		names := slices.Concat(valueRoots, kinds.Names())
		return ref, diag.Errorf(ref.Range(), "Unknown name", "There is nothing called `%s`%s", ref.Root, diag.Suggest(ref.Root, names))
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

// quoteHint helps who forgot the quotes around a word, or writes booleans as YAML does.
func quoteHint(word string) string {
	hint := "A string is written in quotes: `\"" + word + "\"`."
	switch word {
	case "yes", "on":
		return hint + " The boolean is `true`."
	case "no", "off":
		return hint + " The boolean is `false`."
	}
	return hint
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

// InstanceKey is the part of an address that names an instance: ["a"] or [0].
func InstanceKey(key cty.Value) string {
	if key.Type() == cty.Number {
		return "[" + key.AsBigFloat().Text('f', -1) + "]"
	}
	return "[" + address.Quote(key.AsString()) + "]"
}

// Text writes a traversal as a manifest does.
func Text(t hcl.Traversal) string {
	var b strings.Builder
	for i, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(step.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			if i > 0 && step.Key.IsKnown() && !step.Key.IsNull() {
				b.WriteString(InstanceKey(step.Key))
			}
		}
	}
	return b.String()
}
