package decode

import "github.com/zclconf/go-cty/cty"

// Sensitive says whether any part of v is marked. Marks are the only kind that the language puts on values.
func Sensitive(v cty.Value) bool {
	if v.Type().IsPrimitiveType() {
		return v.IsMarked()
	}
	return v.ContainsMarked()
}

// Known says whether no part of v is unknown.
func Known(v cty.Value) bool {
	if v.Type().IsPrimitiveType() {
		return v.IsKnown()
	}
	return v.IsWhollyKnown()
}

// Begins is what a text begins with, as far as that is known.
func Begins(v cty.Value) string {
	v, _ = v.Unmark()
	switch {
	case v.Type() != cty.String || v.IsNull():
		return ""
	case v.IsKnown():
		return v.AsString()
	}
	return v.Range().StringPrefix()
}

// Bare takes the marks off.
func Bare(v cty.Value) cty.Value {
	v, _ = v.UnmarkDeep()
	return v
}
