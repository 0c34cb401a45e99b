package manifest

import "github.com/zclconf/go-cty/cty"

// sensitive says whether any part of v is marked. Marks are the only kind that the language puts on values.
func sensitive(v cty.Value) bool {
	if v.Type().IsPrimitiveType() {
		return v.IsMarked()
	}
	return v.ContainsMarked()
}

// wholly says whether no part of v is unknown.
func wholly(v cty.Value) bool {
	if v.Type().IsPrimitiveType() {
		return v.IsKnown()
	}
	return v.IsWhollyKnown()
}

// bare takes the marks off.
func bare(v cty.Value) cty.Value {
	v, _ = v.UnmarkDeep()
	return v
}
