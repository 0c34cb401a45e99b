package value

import (
	"math/big"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
)

func conversions() map[string]function.Function {
	return map[string]function.Function{
		"issensitive":  isSensitive,
		"nonsensitive": nonSensitive,
		"sensitive":    sensitive,
		"tobool":       stdlib.MakeToFunc(cty.Bool),
		"tolist":       uniform(stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType))),
		"tomap":        uniform(stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType))),
		"tonumber":     stdlib.MakeToFunc(cty.Number),
		"toset":        uniform(stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType))),
		"tostring":     stdlib.MakeToFunc(cty.String),
	}
}

// Digits gives f, which is tostring, a short way for whole numbers: cty formats each one as a fraction of 512 bits, a fifth of the time of a run over
// thousands of files with numbers in their names.
func Digits(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(),
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if v := args[0]; v.Type() == cty.Number && v.IsKnown() && !v.IsNull() && !v.IsMarked() {
				n := v.AsBigFloat()
				if i, accuracy := n.Int64(); accuracy == big.Exact && (i != 0 || !n.Signbit()) {
					return cty.StringVal(strconv.FormatInt(i, 10)), nil
				}
			}
			return f.Call(args)
		},
	})
}

// uniform gives f a list or a map in the place of a tuple or an object whose elements all have one type.
func uniform(f function.Function) function.Function {
	simplify := func(args []cty.Value) []cty.Value { return []cty.Value{spec.OneType(args[0])} }
	return function.New(&function.Spec{
		Params: f.Params(),
		Type:   func(args []cty.Value) (cty.Type, error) { return f.ReturnTypeForValues(simplify(args)) },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(simplify(args)) },
	})
}

func printableNumber(args []cty.Value) error {
	if spec.HugeExponent.MatchString(spec.Text(args[0])) {
		return spec.Limitf("the exponent has more digits than the limit of 4")
	}
	return shortNumber(args)
}

func markFunc(ty function.TypeFunc, impl func(v cty.Value) cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{spec.AllowAll(spec.Any("value"))},
		Type:   ty,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return impl(args[0]), nil
		},
	})
}

func sameType(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil }

var sensitive = markFunc(sameType, func(v cty.Value) cty.Value { return v.Mark(spec.Sensitive) })

// nonSensitive takes the mark off the value, not off the elements of a list or map.
var nonSensitive = markFunc(sameType, func(v cty.Value) cty.Value {
	v, marks := v.Unmark()
	delete(marks, spec.Sensitive)
	return v.WithMarks(marks)
})

// isSensitive is known of a value that is not: only a value that is known late can still get the mark.
var isSensitive = markFunc(function.StaticReturnType(cty.Bool), func(v cty.Value) cty.Value {
	switch {
	case v.HasMark(spec.Sensitive):
		return cty.True
	case !v.IsKnown():
		return cty.UnknownVal(cty.Bool)
	default:
		return cty.False
	}
})
