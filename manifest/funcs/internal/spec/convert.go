package spec

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// Collections makes the parameters params and last (which may be nil) that want a list, a set or a map take anything, and returns what converts the
// arguments in the place of the language: there cty unifies the types of all elements in quadratic time, which is seconds for ten thousand of them. The
// error of convert is a function.ArgError. Without such a parameter convert is nil.
func Collections(params []function.Parameter, last *function.Parameter) (convert func(args []cty.Value) ([]cty.Value, error)) {
	want := map[int]cty.Type{} // by the parameter; last comes after the others
	open := func(i int, p *function.Parameter) {
		if p.Type.IsCollectionType() {
			want[i], p.Type = p.Type, cty.DynamicPseudoType
		}
	}
	for i := range params {
		open(i, &params[i])
	}
	if last != nil {
		open(len(params), last)
	}
	if len(want) == 0 {
		return nil
	}
	return func(args []cty.Value) ([]cty.Value, error) {
		out := make([]cty.Value, len(args))
		for i, arg := range args {
			out[i] = arg
			if ty, ok := want[min(i, len(params))]; ok {
				v, err := converted(arg, ty)
				if err != nil {
					return nil, function.NewArgError(i, err)
				}
				out[i] = v
			}
		}
		return out, nil
	}
}

func converted(v cty.Value, ty cty.Type) (cty.Value, error) {
	if one, err := convert.Convert(OneType(v), ty); err == nil {
		return one, nil
	}
	return convert.Convert(v, ty) // whose error names the element
}

// OneType returns v as a list or a map if it is a tuple or an object of one element type, else v itself.
func OneType(v cty.Value) cty.Value {
	ty := v.Type()
	if !v.IsKnown() || v.IsNull() || v.IsMarked() || !ty.IsTupleType() && !ty.IsObjectType() || v.LengthInt() == 0 {
		return v
	}
	var first cty.Type
	for _, e := range v.Elements() {
		if first == cty.NilType {
			first = e.Type()
		}
		if !e.Type().Equals(first) || first == cty.DynamicPseudoType {
			return v
		}
	}
	if ty.IsTupleType() {
		return cty.ListVal(v.AsValueSlice())
	}
	return cty.MapVal(v.AsValueMap())
}
