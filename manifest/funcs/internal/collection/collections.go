// Package collection holds the functions of lists, sets, maps, tuples and objects.
package collection

import (
	"errors"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
	"github.com/nodeapply/apply/manifest/limits"
)

// Functions are the functions by name.
func Functions() map[string]function.Function {
	return map[string]function.Function{
		"alltrue":         fold(true),
		"anytrue":         fold(false),
		"chunklist":       stdlib.ChunklistFunc,
		"coalesce":        coalesce,
		"coalescelist":    stdlib.CoalesceListFunc,
		"compact":         stdlib.CompactFunc,
		"concat":          stdlib.ConcatFunc,
		"contains":        contains,
		"distinct":        distinct,
		"element":         stdlib.ElementFunc,
		"flatten":         stdlib.FlattenFunc,
		"index":           index,
		"keys":            stdlib.KeysFunc,
		"length":          length,
		"lookup":          lookup,
		"matchkeys":       matchKeys,
		"merge":           stdlib.MergeFunc,
		"one":             one,
		"reverse":         stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc,
		"setproduct":      stdlib.SetProductFunc,
		"setsubtract":     stdlib.SetSubtractFunc,
		"setunion":        stdlib.SetUnionFunc,
		"slice":           stdlib.SliceFunc,
		"sort":            stdlib.SortFunc,
		"transpose":       transpose,
		"values":          stdlib.ValuesFunc,
		"zipmap":          stdlib.ZipmapFunc,
	}
}

// Checks are those of the functions that can make more than they are given.
func Checks() map[string]spec.Check {
	return map[string]spec.Check{"flatten": flattenable, "setproduct": multipliable}
}

// distinct returns the elements of a list, each once, where it stands first: by their hashes, where cty compares each with all before it.
var distinct = function.New(&function.Spec{
	Params:       []function.Parameter{{Name: "list", Type: cty.List(cty.DynamicPseudoType)}},
	Type:         func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(ty), nil
		}
		seen, kept := cty.NewValueSet(ty.ElementType()), []cty.Value{}
		for _, e := range args[0].AsValueSlice() {
			if !seen.Has(e) {
				seen.Add(e)
				kept = append(kept, e)
			}
		}
		if len(kept) == 0 {
			return cty.ListValEmpty(ty.ElementType()), nil
		}
		return cty.ListVal(kept), nil
	},
})

// fold makes alltrue (start true) and anytrue (start false). Null is not true.
func fold(start bool) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: spec.NotNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			unknown := false
			for it := args[0].ElementIterator(); it.Next(); {
				_, e := it.Element()
				if !e.IsKnown() {
					unknown = true
				} else if isTrue := !e.IsNull() && e.True(); isTrue != start {
					return cty.BoolVal(!start), nil
				}
			}
			if unknown {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(start), nil
		},
	})
}

// coalesce returns the first of its arguments that is neither null nor an empty string.
var coalesce = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true, AllowNull: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		if len(args) == 0 {
			return cty.NilType, errors.New("at least one argument is needed")
		}
		types := make([]cty.Type, len(args))
		for i, a := range args {
			types[i] = a.Type()
		}
		if ty, _ := convert.UnifyUnsafe(types); ty != cty.NilType {
			return ty, nil
		}
		return cty.NilType, errors.New("all arguments must have the same type")
	},
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		for i, a := range args {
			v, err := convert.Convert(a, ty)
			if err != nil {
				return cty.NilVal, function.NewArgError(i, err)
			}
			if !v.IsKnown() {
				return cty.UnknownVal(ty), nil
			}
			if !v.IsNull() && (ty != cty.String || v.AsString() != "") {
				return v, nil
			}
		}
		return cty.NilVal, errors.New("all arguments are null or empty")
	},
})

// contains is that of cty for a null that is of no type as yet, too, of which cty says nothing.
var contains = function.New(&function.Spec{
	Params:       []function.Parameter{spec.Any("list"), {Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}},
	Type:         function.StaticReturnType(cty.Bool),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if args[1].IsNull() {
			args[1] = cty.NullVal(cty.String)
		}
		return stdlib.Contains(args[0], args[1])
	},
})

var index = function.New(&function.Spec{
	Params:       []function.Parameter{spec.Any("list"), spec.Any("value")},
	Type:         function.StaticReturnType(cty.Number),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if ty := args[0].Type(); !ty.IsListType() && !ty.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list or tuple is needed, not %s", ty.FriendlyName())
		}
		for it := args[0].ElementIterator(); it.Next(); {
			i, e := it.Element()
			eq, err := stdlib.Equal(e, args[1])
			if err != nil {
				return cty.NilVal, err
			}
			if !eq.IsKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if eq.True() {
				return i, nil
			}
		}
		return cty.NilVal, function.NewArgErrorf(1, "is not in the list")
	},
})

// matchKeys returns those of values whose key, at the same place in keys, is in searchset.
var matchKeys = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) {
		if ty, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()}); ty == cty.NilType {
			return cty.NilType, errors.New("keys and searchset must be of the same type")
		}
		return args[0].Type(), nil
	},
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() || !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
			return cty.UnknownVal(ty), nil
		}
		if args[0].LengthInt() != args[1].LengthInt() {
			return cty.NilVal, errors.New("values and keys must have the same length")
		}
		keyType, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type().ElementType(), args[2].Type().ElementType()})
		var out []cty.Value
		keys, search := args[1].AsValueSlice(), args[2].AsValueSlice()
		for i, v := range args[0].AsValueSlice() {
			key, err := convert.Convert(keys[i], keyType)
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			if slices.ContainsFunc(search, func(s cty.Value) bool {
				s, err := convert.Convert(s, keyType)
				return err == nil && s.RawEquals(key)
			}) {
				out = append(out, v)
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(ty.ElementType()), nil
		}
		return cty.ListVal(out), nil
	},
})

// transpose swaps the keys and the elements of a map of lists of strings.
var transpose = function.New(&function.Spec{
	Params:       []function.Parameter{{Name: "values", Type: cty.Map(cty.List(cty.String))}},
	Type:         function.StaticReturnType(cty.Map(cty.List(cty.String))),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(ty), nil
		}
		lists := map[string][]cty.Value{}
		for it := args[0].ElementIterator(); it.Next(); { // in the keys' order
			key, list := it.Element()
			if list.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "the lists must not be null")
			}
			for each := list.ElementIterator(); each.Next(); {
				_, e := each.Element()
				if e.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "the lists' elements must not be null")
				}
				lists[e.AsString()] = append(lists[e.AsString()], key)
			}
		}
		if len(lists) == 0 {
			return cty.MapValEmpty(ty.ElementType()), nil
		}
		out := make(map[string]cty.Value, len(lists))
		for key, list := range lists {
			out[key] = cty.ListVal(list)
		}
		return cty.MapVal(out), nil
	},
})

func flattenable(args []cty.Value) error {
	count := 0 // of lists too: they can share their parts
	var walk func(v cty.Value) bool
	walk = func(v cty.Value) bool {
		count++
		if u, _ := v.Unmark(); spec.IsSequence(u.Type()) {
			spec.Elements(u, walk)
		}
		return count <= limits.MaxElements
	}
	if !walk(args[0]) {
		return spec.TooMany()
	}
	return nil
}

func multipliable(args []cty.Value) error {
	total := 1
	for _, a := range args {
		if a, _ = a.Unmark(); !spec.IsSequence(a.Type()) || !a.IsKnown() || a.IsNull() {
			continue
		}
		if n := a.Length(); n.IsKnown() {
			if total *= a.LengthInt(); total > limits.MaxElements {
				return spec.TooMany()
			}
		}
	}
	return nil
}
