package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// explain makes the evaluator's diagnostics say more (what a fact or an attribute might have been) and less (nothing of a secret).
func (s *scope) explain(x *syntax.Expr, ctx *hcl.EvalContext, diags hcl.Diagnostics) hcl.Diagnostics {
	out := make(hcl.Diagnostics, 0, len(diags))
	secretive := s.handlesSecrets(x, ctx)
	if secretive {
		s.c.secrets.Quoted(s.text(x)) // the excerpt must not show a secret that is written into the manifest itself
	}
	for _, d := range diags {
		plain := &hcl.Diagnostic{Severity: d.Severity, Summary: d.Summary, Detail: d.Detail, Subject: d.Subject, Context: d.Context}
		if plain.Subject == nil {
			plain.Subject = x.Range().Ptr()
		}
		if secretive {
			plain.Detail = "The details are not shown, because a sensitive value is involved."
		}
		if d.Summary == "Call to unknown function" {
			s.explainFunction(plain)
		}
		if ref := refAt(x.Refs, plain.Subject); ref != nil {
			s.explainRef(ref, ctx, plain)
		}
		out = append(out, plain)
	}
	return out
}

// explainFunction suggests a function; the evaluator looks for them only where it stands.
func (s *scope) explainFunction(d *hcl.Diagnostic) {
	file := s.c.reader.File(d.Subject.Filename)
	if file == nil || !d.Subject.CanSliceBytes(file.Bytes) {
		return
	}
	name := string(d.Subject.SliceBytes(file.Bytes))
	if resources.IsIdentifier(name) {
		d.Detail = fmt.Sprintf("There is no function `%s`%s", name, diag.Suggest(name, slices.Sorted(maps.Keys(s.base.Functions))))
	}
}

// refAt finds the reference inside which a diagnostic points.
func refAt(refs []syntax.Ref, at *hcl.Range) *syntax.Ref {
	for i := range refs {
		if r := refs[i].Range(); r.Filename == at.Filename && r.Start.Byte <= at.Start.Byte && at.End.Byte <= r.End.Byte {
			return &refs[i]
		}
	}
	return nil
}

func (s *scope) explainRef(ref *syntax.Ref, ctx *hcl.EvalContext, d *hcl.Diagnostic) {
	if ref.Root == "fact" {
		if f := s.c.facts[ref.Name]; !f.ok {
			d.Summary = "Unknown fact"
			var names []string
			if s.c.opts.Facts != nil {
				names = s.c.opts.Facts.Names()
			}
			d.Detail = fmt.Sprintf("This node has no fact `%s`%s", ref.Name, diag.Suggest(ref.Name, names))
			if f.reason != nil {
				d.Detail = fmt.Sprintf("The fact `%s` could not be had: %s.", ref.Name, f.reason)
			}
			d.Subject = ref.Range()
			return
		}
	}
	for i := 2; i < len(ref.Traversal); i++ {
		v, bad := ref.Traversal[:i].TraverseAbs(ctx)
		if bad.HasErrors() {
			return
		}
		name, ok := syntax.StepName(ref.Traversal[i])
		v = decode.Bare(v)
		if !ok || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
			continue
		}
		var names []string
		for k := range v.Elements() {
			names = append(names, k.AsString())
		}
		if !slices.Contains(names, name) {
			d.Summary = "Undeclared reference"
			d.Detail = fmt.Sprintf("`%s` has no `%s`%s", pathText(ref.Traversal[:i]), name, diag.Suggest(name, names))
			return
		}
	}
}

// pathText writes a traversal as a manifest does.
func pathText(t hcl.Traversal) string {
	var b strings.Builder
	for i, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(step.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			if i > 0 && step.Key.IsKnown() && !step.Key.IsNull() {
				b.WriteString(syntax.InstanceKey(step.Key))
			}
		}
	}
	return b.String()
}

// handlesSecrets says whether a sensitive value may be inside what an expression computes.
func (s *scope) handlesSecrets(x *syntax.Expr, ctx *hcl.EvalContext) bool {
	for i := range x.Refs {
		if v, diags := x.Refs[i].Traversal[:2].TraverseAbs(ctx); !diags.HasErrors() && decode.Sensitive(v) {
			return true
		}
	}
	text := s.text(x)
	return strings.Contains(text, "sensitive") || strings.Contains(text, "decrypt")
}

// text is an expression as it was written.
func (s *scope) text(x *syntax.Expr) string {
	if file := s.c.reader.File(x.Range().Filename); file != nil {
		return x.Text(file.Bytes)
	}
	return ""
}

// originsOf lists what the value of an attribute was made of, through locals and the inputs of modules.
func (g *group) originsOf(attr string) []string {
	a := g.sh.Attr(attr)
	if a == nil {
		return nil
	}
	found := map[string]bool{}
	g.s.origins(a.Refs, found, map[*syntax.Attr]bool{})
	return slices.Sorted(maps.Keys(found))
}

func (s *scope) origins(refs []syntax.Ref, found map[string]bool, seen map[*syntax.Attr]bool) {
	for i := range refs {
		ref := &refs[i]
		switch ref.Root {
		case "each", "count", "path":
			continue
		case "local":
			if a := s.mod.Locals[ref.Name]; a != nil && !seen[a] {
				seen[a] = true
				s.origins(a.Refs, found, seen)
			}
			continue
		case "var":
			if s.from != nil {
				if a := s.from.call.b.Attr(ref.Name); a != nil && !seen[a] {
					seen[a] = true
					s.from.call.s.origins(a.Refs, found, seen)
				}
				continue
			}
		}
		found[pathText(ref.Traversal)] = true
	}
}
