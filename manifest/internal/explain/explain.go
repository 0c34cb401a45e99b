// Package explain makes what the evaluator says of an expression more helpful, and keeps secrets out of it.
package explain

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/secrets"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources/address"
)

// Explainer knows what there is beside the expressions of a module.
type Explainer struct {
	Files     diag.Sources
	Secrets   *secrets.Set
	Functions map[string]function.Function
	// Fact says whether the node has a fact, and if not, why, where that is known.
	Fact      func(name string) (ok bool, reason error)
	FactNames func() []string
	// Exports says whether the module itself exports a fact, which only later runs know.
	Exports func(name string) bool
}

// Diagnostics makes the evaluator's diagnostics say more (what a fact or an attribute might have been) and less (nothing of a secret).
func (e *Explainer) Diagnostics(x *syntax.Expr, ctx *hcl.EvalContext, diags hcl.Diagnostics) hcl.Diagnostics {
	out := make(hcl.Diagnostics, 0, len(diags))
	secretive := e.handlesSecrets(x, ctx)
	if secretive {
		e.Secrets.Quoted(e.text(x)) // the excerpt must not show a secret that is written into the manifest itself
	}
	for _, d := range diags {
		plain := &hcl.Diagnostic{Severity: d.Severity, Summary: d.Summary, Detail: d.Detail, Subject: d.Subject, Context: d.Context}
		if plain.Subject == nil {
			plain.Subject = x.Range().Ptr()
		}
		if secretive && !aboutDecrypt(d) {
			plain.Detail = "The details are not shown, because a sensitive value is involved."
		}
		switch d.Summary {
		case "Call to unknown function":
			e.explainFunction(plain)
		case "Invalid operand":
			e.explainSum(plain)
		}
		if ref := refAt(x.Refs, plain.Subject); ref != nil {
			e.explainRef(ref, ctx, plain)
		}
		out = append(out, plain)
	}
	return out
}

// explainSum says how strings are joined, to who adds them.
func (e *Explainer) explainSum(d *hcl.Diagnostic) {
	file := e.Files.File(d.Subject.Filename)
	if file == nil || !d.Subject.CanSliceBytes(file.Bytes) || !strings.Contains(d.Detail, "number") {
		return
	}
	before, after := bytes.TrimSpace(file.Bytes[:d.Subject.Start.Byte]), bytes.TrimSpace(file.Bytes[d.Subject.End.Byte:])
	if bytes.HasSuffix(before, []byte("+")) || bytes.HasPrefix(after, []byte("+")) {
		d.Detail += " Strings are joined by a template: `\"${a}${b}\"`."
	}
}

// explainFunction suggests a function; the evaluator looks for them only where it stands.
func (e *Explainer) explainFunction(d *hcl.Diagnostic) {
	file := e.Files.File(d.Subject.Filename)
	if file == nil || !d.Subject.CanSliceBytes(file.Bytes) {
		return
	}
	name := string(d.Subject.SliceBytes(file.Bytes))
	const noClock = "nothing in a manifest reads a clock or makes random values, so that it gives the same catalog twice."
	left := map[string]string{ // of Terraform's functions
		"timestamp": noClock, "plantimestamp": noClock, "uuid": noClock,
		"rsadecrypt": "`decrypt` opens a file that is sealed with age.",
		"list":       "`[...]` is a list, and `tolist` makes one.",
		"map":        "`{...}` is a map, and `tomap` makes one.",
	}
	switch {
	case left[name] != "":
		d.Detail = fmt.Sprintf("There is no function `%s`: %s", name, left[name])
	case address.IsIdentifier(name):
		d.Detail = fmt.Sprintf("There is no function `%s`%s", name, diag.Suggest(name, slices.Sorted(maps.Keys(e.Functions))))
	}
}

// aboutDecrypt says that decrypt() itself tells why it could not open a file. That repeats nothing that is sensitive.
func aboutDecrypt(d *hcl.Diagnostic) bool {
	call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	return ok && call.CalledFunctionName() == "decrypt"
}

var unknownType = regexp.MustCompile(`^((?:The k|K)eyword "([^"]*)" is not a valid type (specification|constructor))\.$`)

// Type makes what is said of a type specification say what it might have been.
func Type(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		switch m := unknownType.FindStringSubmatch(d.Detail); {
		case m != nil:
			names := []string{"list", "set", "map", "tuple", "object"}
			if m[3] == "specification" {
				names = append([]string{"string", "number", "bool", "any"}, names...)
			}
			d.Detail = m[1] + diag.Suggest(m[2], names)
			if strings.HasSuffix(d.Detail, ".") {
				d.Detail += " There are " + strings.Join(names, ", ") + "."
			}
		case !strings.HasPrefix(d.Detail, "A type specification is either"):
		case d.Subject != nil && strings.HasSuffix(d.Subject.Filename, ".json"):
			d.Detail += " It is a string here, without `${}`."
		default:
			d.Detail += " It stands without quotes."
		}
	}
	return diags
}

// refAt finds the reference inside which a diagnostic points.
func refAt(refs []reference.Ref, at *hcl.Range) *reference.Ref {
	for i := range refs {
		if r := refs[i].Range(); r.Filename == at.Filename && r.Start.Byte <= at.Start.Byte && at.End.Byte <= r.End.Byte {
			return &refs[i]
		}
	}
	return nil
}

func (e *Explainer) explainRef(ref *reference.Ref, ctx *hcl.EvalContext, d *hcl.Diagnostic) {
	if ref.Root == "fact" {
		if ok, reason := e.Fact(ref.Name); !ok {
			d.Summary = "Unknown fact"
			switch {
			case reason != nil:
				d.Detail = fmt.Sprintf("The fact `%s` could not be had: %s.", ref.Name, reason)
			case e.Exports(ref.Name):
				d.Detail = fmt.Sprintf("This node has no fact `%s` yet: the manifest exports it, and runs after that one know it. `try(fact.%s, ...)` does without.", ref.Name, ref.Name)
			default:
				d.Detail = fmt.Sprintf("This node has no fact `%s`%s", ref.Name, diag.SuggestFact(ref.Name, e.FactNames()))
				if strings.HasSuffix(d.Detail, ".") { // no other is near: it may be one that the caller is to give
					d.Detail += fmt.Sprintf(" FACTER_%s=VALUE in the environment gives it, or a file in /etc/apply/facts.d.", ref.Name)
				}
			}
			d.Subject = ref.Range()
			return
		}
	}
	if needs := map[string]string{"each": "for_each", "count": "count"}[ref.Root]; needs != "" && ctx.Variables[ref.Root] == cty.NilVal {
		d.Summary = "Undeclared reference" // of defaults: in a block itself it is found before anything is evaluated
		d.Detail = fmt.Sprintf("`%s` is known only in a block that has `%s`; one that these defaults are for has none.", ref, needs)
		d.Subject = ref.Range()
		return
	}
	for i := 2; i < len(ref.Traversal); i++ {
		v, bad := ref.Traversal[:i].TraverseAbs(ctx)
		if bad.HasErrors() {
			return
		}
		name, ok := reference.StepName(ref.Traversal[i])
		secret := decode.Sensitive(v)
		v = decode.Bare(v)
		if ok && v.Type().IsTupleType() {
			of := reference.Text(ref.Traversal[:i])
			d.Summary = "Undeclared reference"
			d.Detail = fmt.Sprintf("`%[1]s` is a list: its first element is `%[1]s[0]`, and `[for x in %[1]s : x.%[2]s]` makes a list of all.", of, name)
			return
		}
		if !ok || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
			continue
		}
		var names []string
		for k := range v.Elements() {
			names = append(names, k.AsString())
		}
		if !slices.Contains(names, name) {
			d.Summary = "Undeclared reference"
			d.Detail = fmt.Sprintf("`%s` has no `%s`%s", reference.Text(ref.Traversal[:i]), name, diag.Suggest(name, names))
			if few := 10; strings.HasSuffix(d.Detail, ".") && !secret && len(names) > 0 && len(names) <= few {
				d.Detail += " It has `" + strings.Join(names, "`, `") + "`."
			}
			return
		}
	}
}

// handlesSecrets says whether a sensitive value may be inside what an expression computes.
func (e *Explainer) handlesSecrets(x *syntax.Expr, ctx *hcl.EvalContext) bool {
	for i := range x.Refs {
		if v, diags := x.Refs[i].Traversal[:2].TraverseAbs(ctx); !diags.HasErrors() && decode.Sensitive(v) {
			return true
		}
	}
	text := e.text(x)
	return strings.Contains(text, "sensitive") || strings.Contains(text, "decrypt")
}

// text is an expression as it was written.
func (e *Explainer) text(x *syntax.Expr) string {
	if file := e.Files.File(x.Range().Filename); file != nil {
		return x.Text(file.Bytes)
	}
	return ""
}
