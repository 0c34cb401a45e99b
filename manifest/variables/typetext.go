package variables

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
)

// typeText writes a type as a manifest does. The language's own way to do so leaves out what is optional.
func typeText(ty cty.Type) string {
	switch {
	case ty.IsListType():
		return "list(" + typeText(ty.ElementType()) + ")"
	case ty.IsSetType():
		return "set(" + typeText(ty.ElementType()) + ")"
	case ty.IsMapType():
		return "map(" + typeText(ty.ElementType()) + ")"
	case ty.IsTupleType():
		var parts []string
		for _, e := range ty.TupleElementTypes() {
			parts = append(parts, typeText(e))
		}
		return "tuple([" + strings.Join(parts, ", ") + "])"
	case ty.IsObjectType():
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(ty.AttributeTypes())) {
			attr := typeText(ty.AttributeType(name))
			if ty.AttributeOptional(name) {
				attr = "optional(" + attr + ")"
			}
			parts = append(parts, name+" = "+attr)
		}
		return "object({ " + strings.Join(parts, ", ") + " })"
	}
	return typeexpr.TypeString(ty)
}
