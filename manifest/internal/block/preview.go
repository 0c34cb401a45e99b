package block

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/preview"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// preview lists the attributes as far as they are known.
func (b *Block) preview(r *cell.Run, inst *instances.Instance, used cell.Deps) []resources.Change {
	var out []resources.Change
	vars := inst.Vars()
	show := func(a *syntax.Attr, inst instances.Vars) string {
		ctx, own, ok := b.in.Scope.Context(r, &a.Expr, inst)
		if !ok {
			return ""
		}
		if len(own.Late()) == 0 {
			own = used
		}
		unknown := func(at hcl.Range) string {
			part := b.in.Scope.Part(r, &a.Expr, at)
			if len(part.Late()) == 0 {
				part = own
			}
			return "(known after " + part.String() + ")"
		}
		return preview.Printer{Context: ctx, Unknown: unknown}.Expression(a.Expression)
	}
	for _, name := range []string{"for_each", "count", "when"} {
		if a := b.sh.Block.Attr(name); a != nil {
			in := vars
			if name != "when" {
				in = nil
			}
			if text := show(a, in); strings.Contains(text, "(known after ") {
				out = append(out, resources.Change{Attr: name, To: text})
			}
		}
	}
	for _, a := range b.sh.Attrs {
		out = append(out, resources.Change{Attr: a.Name, To: show(a.Attr, vars)})
	}
	return out
}
