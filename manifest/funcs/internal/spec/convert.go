package spec

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// Converted returns the arguments of f as its parameters want them. Its error is a function.ArgError.
func Converted(f function.Function, args []cty.Value) ([]cty.Value, error) {
	params, last := f.Params(), f.VarParam()
	out := make([]cty.Value, len(args))
	for i, arg := range args {
		want := cty.DynamicPseudoType
		switch {
		case i < len(params):
			want = params[i].Type
		case last != nil:
			want = last.Type
		}
		if !want.IsCollectionType() {
			out[i] = arg // the language has converted it
			continue
		}
		v, err := convert.Convert(OneType(arg), want)
		if err != nil {
			v, err = convert.Convert(arg, want) // whose error names the element
		}
		if err != nil {
			return nil, function.NewArgError(i, err)
		}
		out[i] = v
	}
	return out, nil
}

// Collections makes a parameter that wants a list, a set or a map take anything, for [Converted]: the language converts what is given to a function, and
// cty unifies the types of all elements in quadratic time, which is seconds for ten thousand of them.
func Collections(p function.Parameter) function.Parameter {
	if p.Type.IsCollectionType() {
		p.Type = cty.DynamicPseudoType
	}
	return p
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
