package funcs

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
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
		"tostring":     digits(stdlib.MakeToFunc(cty.String)),
	}
}

// digits gives f, which is tostring, a short way for whole numbers: cty formats each one as a fraction of 512 bits, a fifth of the time of a run over
// thousands of files with numbers in their names.
func digits(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(),
		Type:   func(args []cty.Value) (cty.Type, error) { return f.ReturnTypeForValues(args) },
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

// uniform gives f a list or a map in the place of a tuple or an object whose elements all have one type: cty would unify the types of all elements in
// quadratic time, which a for_each over thousands of elements feels.
func uniform(f function.Function) function.Function {
	simplify := func(args []cty.Value) []cty.Value { return []cty.Value{oneType(args[0])} }
	return function.New(&function.Spec{
		Params: f.Params(),
		Type:   func(args []cty.Value) (cty.Type, error) { return f.ReturnTypeForValues(simplify(args)) },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(simplify(args)) },
	})
}

// oneType returns v as a list or a map if it is a tuple or an object of one element type, else v itself.
func oneType(v cty.Value) cty.Value {
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

// hugeExponent finds numbers that would be a gigabyte long when printed.
var hugeExponent = regexp.MustCompile(`^[-+0-9.]*[eEpP][-+]?0*[1-9][0-9]{4}`)

func printableNumber(args []cty.Value) error {
	if hugeExponent.MatchString(text(args[0])) {
		return limitf("the exponent has more digits than the limit of 4")
	}
	return shortNumber(args)
}

func markFunc(ty function.TypeFunc, impl func(v cty.Value) cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{allowAll(anyParam("value"))},
		Type:   ty,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return impl(args[0]), nil
		},
	})
}

func sameType(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil }

var sensitive = markFunc(sameType, func(v cty.Value) cty.Value { return v.Mark(Sensitive) })

// nonSensitive takes the mark off the value, not off the elements of a list or map.
var nonSensitive = markFunc(sameType, func(v cty.Value) cty.Value {
	v, marks := v.Unmark()
	delete(marks, Sensitive)
	return v.WithMarks(marks)
})

// isSensitive is known of a value that is not: only a value that is known late can still get the mark.
var isSensitive = markFunc(function.StaticReturnType(cty.Bool), func(v cty.Value) cty.Value {
	switch {
	case v.HasMark(Sensitive):
		return cty.True
	case !v.IsKnown():
		return cty.UnknownVal(cty.Bool)
	default:
		return cty.False
	}
})

// maxDepth bounds how deep decoded lists and objects stand inside each other.
const maxDepth = 1000

// decodableJSON bounds the depth, and the exponents, of a JSON text.
func decodableJSON(args []cty.Value) error {
	s, depth := text(args[0]), 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			if depth++; depth > maxDepth {
				return limitf("lists and objects stand inside each other deeper than the limit of %d", maxDepth)
			}
		case ']', '}':
			depth--
		case 'e', 'E':
			if hugeExponent.MatchString(s[i:min(i+16, len(s))]) {
				return limitf("an exponent has more digits than the limit of 4")
			}
		}
	}
	return nil
}

// maxCells bounds the rows and the cells of a table. Each row becomes an object.
const maxCells = 1 << 20

func decodableCSV(args []cty.Value) error {
	rows, commas := 0, 0
	for _, b := range []byte(text(args[0])) {
		switch b {
		case '\n':
			rows++
		case ',':
			commas++
		}
	}
	if rows+commas > maxCells {
		return limitf("the table has more than the limit of %d rows and cells", maxCells)
	}
	return nil
}

var errNested = errors.New("a template cannot be rendered inside a template")
