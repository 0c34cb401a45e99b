package collection

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
)

// length counts the characters of a string, and the elements of anything else.
var length = function.New(&function.Spec{
	Params: []function.Parameter{spec.AllowAll(spec.Any("value"))},
	Type: func(args []cty.Value) (cty.Type, error) {
		ty := args[0].Type()
		if ty == cty.String || ty == cty.DynamicPseudoType || ty.IsCollectionType() || ty.IsTupleType() || ty.IsObjectType() {
			return cty.Number, nil
		}
		return cty.NilType, function.NewArgErrorf(0, "%s has no length: a string, list, set, map, tuple or object is needed", ty.FriendlyName())
	},
	RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder {
		return b.NotNull().NumberRangeLowerBound(cty.Zero, true)
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		var n cty.Value
		switch ty := v.Type(); {
		case v.IsNull():
			return cty.NilVal, function.NewArgErrorf(0, "must not be null")
		case ty.IsTupleType():
			n = cty.NumberIntVal(int64(len(ty.TupleElementTypes())))
		case ty.IsObjectType():
			n = cty.NumberIntVal(int64(len(ty.AttributeTypes())))
		case ty == cty.DynamicPseudoType:
			n = cty.UnknownVal(cty.Number)
		case ty == cty.String:
			var err error
			if n, err = stdlib.Strlen(v); err != nil {
				return cty.NilVal, err
			}
		default:
			n = v.Length()
		}
		return n.WithMarks(marks), nil
	},
})

// lookup is lookup(map, key) or lookup(map, key, default).
var lookup = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "inputMap", Type: cty.DynamicPseudoType, AllowMarked: true},
		{Name: "key", Type: cty.String, AllowMarked: true},
	},
	VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowMarked: true, AllowNull: true, AllowUnknown: true, AllowDynamicType: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		if len(args) > 3 {
			return cty.NilType, errors.New("two or three arguments are needed: lookup(map, key) or lookup(map, key, default)")
		}
		switch ty := args[0].Type(); {
		case ty.IsMapType():
			return ty.ElementType(), nil
		case ty.IsObjectType():
			return cty.DynamicPseudoType, nil
		default:
			return cty.NilType, function.NewArgErrorf(0, "a map or object is needed, not %s", ty.FriendlyName())
		}
	},
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		m, mapMarks := args[0].Unmark()
		k, keyMarks := args[1].Unmark()
		found, err := lookupIn(m, k.AsString(), args[2:], ty)
		if err != nil {
			return cty.NilVal, err
		}
		return found.WithMarks(mapMarks, keyMarks), nil
	},
})

func lookupIn(m cty.Value, key string, fallback []cty.Value, ty cty.Type) (cty.Value, error) {
	if m.Type().IsObjectType() && m.Type().HasAttribute(key) {
		return m.GetAttr(key), nil
	}
	if m.Type().IsMapType() && m.HasIndex(cty.StringVal(key)).True() {
		return m.Index(cty.StringVal(key)), nil
	}
	if len(fallback) == 0 {
		return cty.NilVal, function.NewArgErrorf(1, "there is no element %q, and no default is given", key)
	}
	v, err := convert.Convert(fallback[0], ty)
	if err != nil {
		return cty.NilVal, function.NewArgErrorf(2, "the default must be of the type of the map's elements, %s", ty.FriendlyName())
	}
	return v, nil
}

// one returns the only element, or null if there is none.
var one = function.New(&function.Spec{
	Params: []function.Parameter{spec.Any("list")},
	Type: func(args []cty.Value) (cty.Type, error) {
		switch ty := args[0].Type(); {
		case ty.IsListType() || ty.IsSetType():
			return ty.ElementType(), nil
		case ty.IsTupleType() && ty.Length() == 1:
			return ty.TupleElementType(0), nil
		case ty.IsTupleType() && ty.Length() == 0:
			return cty.DynamicPseudoType, nil
		}
		return cty.NilType, function.NewArgErrorf(0, "a list, set or tuple with no or one element is needed")
	},
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		n := args[0].Length()
		if !n.IsKnown() {
			return cty.UnknownVal(ty), nil
		}
		switch args[0].LengthInt() {
		case 0:
			return cty.NullVal(ty), nil
		case 1:
			for it := args[0].ElementIterator(); it.Next(); {
				_, e := it.Element()
				return e, nil
			}
		}
		return cty.NilVal, function.NewArgErrorf(0, "a list, set or tuple with no or one element is needed; this one has %d", args[0].LengthInt())
	},
})
