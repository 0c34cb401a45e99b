// Package value holds the functions of numbers and of addresses, and the conversions between types.
package value

import (
	"errors"
	"maps"
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
	"github.com/nodeapply/apply/manifest/limits"
)

// Functions are the functions by name.
func Functions() map[string]function.Function {
	fns := numbers()
	maps.Copy(fns, conversions())
	maps.Copy(fns, addresses())
	return fns
}

// Checks are those of the functions that can make more than they are given.
func Checks() map[string]spec.Check {
	return map[string]spec.Check{"parseint": shortNumber, "tonumber": printableNumber}
}

func numbers() map[string]function.Function {
	return map[string]function.Function{
		"abs":      stdlib.AbsoluteFunc,
		"ceil":     stdlib.CeilFunc,
		"floor":    stdlib.FloorFunc,
		"log":      stdlib.LogFunc,
		"max":      stdlib.MaxFunc,
		"min":      stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc,
		"pow":      stdlib.PowFunc,
		"range":    rangeFunc,
		"signum":   stdlib.SignumFunc,
		"sum":      sum,
	}
}

// maxDigits bounds the texts that are converted to numbers: it takes quadratic time.
const maxDigits = 1024

func shortNumber(args []cty.Value) error {
	if len(spec.Text(args[0])) > maxDigits {
		return spec.Limitf("a number may have at most the limit of %d digits", maxDigits)
	}
	return nil
}

var sum = function.New(&function.Spec{
	Params:       []function.Parameter{spec.Any("list")},
	Type:         function.StaticReturnType(cty.Number),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if !spec.IsSequence(args[0].Type()) {
			return cty.NilVal, function.NewArgErrorf(0, "a list, set or tuple of numbers is needed, not %s", args[0].Type().FriendlyName())
		}
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(cty.Number), nil
		}
		if args[0].LengthInt() == 0 {
			return cty.NilVal, function.NewArgErrorf(0, "an empty list has no sum")
		}
		total := cty.Zero
		for it := args[0].ElementIterator(); it.Next(); {
			_, e := it.Element()
			n, err := convert.Convert(e, cty.Number)
			if err != nil || n.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "all elements must be numbers")
			}
			total = total.Add(n)
		}
		return total, nil
	},
})

// rangeFunc is range(limit), range(start, limit) or range(start, limit, step).
var rangeFunc = function.New(&function.Spec{
	VarParam:     &function.Parameter{Name: "params", Type: cty.Number},
	Type:         function.StaticReturnType(cty.List(cty.Number)),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		start, step := cty.Zero, cty.NumberIntVal(1)
		var end cty.Value
		switch len(args) {
		case 1:
			end = args[0]
		case 2, 3:
			start, end = args[0], args[1]
		default:
			return cty.NilVal, errors.New("one to three numbers are needed: range(limit), range(start, limit) or range(start, limit, step)")
		}
		down := end.LessThan(start).True()
		switch {
		case len(args) == 3:
			step = args[2]
		case down:
			step = cty.NumberIntVal(-1)
		}
		if sign := step.AsBigFloat().Sign(); sign == 0 || start.RawEquals(end) {
			if sign == 0 {
				return cty.NilVal, function.NewArgErrorf(2, "the step must not be zero")
			}
			return cty.ListValEmpty(cty.Number), nil
		} else if sign < 0 != down {
			return cty.NilVal, function.NewArgErrorf(2, "the step leads away from the limit")
		}
		count := new(big.Float).Quo(new(big.Float).Sub(end.AsBigFloat(), start.AsBigFloat()), step.AsBigFloat())
		if count.Cmp(big.NewFloat(limits.MaxElements)) > 0 {
			return cty.NilVal, spec.TooMany()
		}
		var out []cty.Value
		for n := start; n.LessThan(end).True() != down && !n.RawEquals(end); n = n.Add(step) {
			out = append(out, n)
		}
		return cty.ListVal(out), nil
	},
})
