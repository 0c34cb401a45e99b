package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/nodeapply/apply/resources"
)

// setter puts a known value into a field of one Go type.
type setter func(to reflect.Value, v cty.Value) error

var (
	unmarshaler = reflect.TypeFor[resources.AttrUnmarshaler]()
	anything    = reflect.TypeFor[any]()
)

func setterFor(t reflect.Type) (setter, error) {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return setUnmarshaler, nil
	}
	if t == anything {
		return setAnything, nil
	}
	switch t.Kind() {
	case reflect.String:
		return setString, nil
	case reflect.Bool:
		return setBool, nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		return setInt, nil
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return setUint, nil
	case reflect.Float64:
		return setFloat, nil
	case reflect.Pointer:
		return elementwise(t.Elem(), setPointer)
	case reflect.Slice:
		return elementwise(t.Elem(), setSlice)
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return elementwise(t.Elem(), setMap)
		}
	}
	return nil, fmt.Errorf("an attribute cannot be of Go type %s", t)
}

func elementwise(elem reflect.Type, set func(to reflect.Value, v cty.Value, elem setter) error) (setter, error) {
	inner, err := setterFor(elem)
	if err != nil {
		return nil, err
	}
	return func(to reflect.Value, v cty.Value) error { return set(to, v, inner) }, nil
}

func setUnmarshaler(to reflect.Value, v cty.Value) error {
	x, err := Go(v)
	if err != nil {
		return err
	}
	return to.Addr().Interface().(resources.AttrUnmarshaler).UnmarshalAttr(x)
}

func setAnything(to reflect.Value, v cty.Value) error {
	x, err := Go(v)
	if err == nil {
		to.Set(reflect.ValueOf(x))
	}
	return err
}

func setString(to reflect.Value, v cty.Value) error {
	v, err := scalar(v, cty.String, "a string")
	if err == nil {
		to.SetString(v.AsString())
	}
	return err
}

func setBool(to reflect.Value, v cty.Value) error {
	v, err := scalar(v, cty.Bool, "true or false")
	if err == nil {
		to.SetBool(v.True())
	}
	return err
}

func setFloat(to reflect.Value, v cty.Value) error {
	v, err := scalar(v, cty.Number, "a number")
	if err == nil {
		f, _ := v.AsBigFloat().Float64()
		to.SetFloat(f)
	}
	return err
}

func setInt(to reflect.Value, v cty.Value) error {
	v, err := scalar(v, cty.Number, "a whole number")
	if err != nil {
		return err
	}
	n, exact := v.AsBigFloat().Int64()
	if exact != big.Exact || to.OverflowInt(n) {
		return fmt.Errorf("want a whole number, got %s", v.AsBigFloat().Text('g', 20))
	}
	to.SetInt(n)
	return nil
}

func setUint(to reflect.Value, v cty.Value) error {
	v, err := scalar(v, cty.Number, "a whole number")
	if err != nil {
		return err
	}
	n, exact := v.AsBigFloat().Uint64()
	if exact != big.Exact || !v.AsBigFloat().IsInt() || to.OverflowUint(n) { // Uint64 calls 1.5 exact
		most := ^uint64(0) >> (64 - to.Type().Bits())
		return fmt.Errorf("want a whole number from 0 to %d, got %s", most, v.AsBigFloat().Text('g', 20))
	}
	to.SetUint(n)
	return nil
}

func setPointer(to reflect.Value, v cty.Value, elem setter) error {
	p := reflect.New(to.Type().Elem())
	if err := elem(p.Elem(), v); err != nil {
		return err
	}
	to.Set(p)
	return nil
}

func setSlice(to reflect.Value, v cty.Value, elem setter) error {
	if t := v.Type(); !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
		return fmt.Errorf("want a list, got %s", Describe(v))
	}
	out := reflect.MakeSlice(to.Type(), v.LengthInt(), v.LengthInt())
	i := 0
	for _, e := range v.Elements() {
		if e.IsNull() {
			return fmt.Errorf("element %d is null", i)
		}
		if err := elem(out.Index(i), e); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
		i++
	}
	to.Set(out)
	return nil
}

func setMap(to reflect.Value, v cty.Value, elem setter) error {
	if t := v.Type(); !t.IsMapType() && !t.IsObjectType() {
		return fmt.Errorf("want a map, got %s", Describe(v))
	}
	out := reflect.MakeMapWithSize(to.Type(), v.LengthInt())
	for k, e := range v.Elements() {
		if e.IsNull() {
			return fmt.Errorf("the value of %q is null", k.AsString())
		}
		slot := reflect.New(to.Type().Elem()).Elem()
		if err := elem(slot, e); err != nil {
			return fmt.Errorf("the value of %q: %w", k.AsString(), err)
		}
		out.SetMapIndex(reflect.ValueOf(k.AsString()).Convert(to.Type().Key()), slot)
	}
	to.Set(out)
	return nil
}

// scalar converts v as the language does. The errors do not repeat the value: it may be secret.
func scalar(v cty.Value, to cty.Type, want string) (cty.Value, error) {
	if v.Type() == to {
		return v, nil
	}
	if !v.Type().IsPrimitiveType() {
		return v, fmt.Errorf("want %s, got %s", want, Describe(v))
	}
	out, err := convert.Convert(v, to)
	if err != nil {
		return v, errors.New("want " + want + ", got " + Describe(v))
	}
	return out, nil
}

// Describe names the kind of a value as a person would: "a list", "a number".
func Describe(v cty.Value) string {
	switch t := v.Type(); {
	case v.IsNull():
		return "null"
	case t == cty.String:
		return "a string"
	case t == cty.Number:
		return "a number"
	case t == cty.Bool:
		return "a boolean"
	case t.IsListType(), t.IsTupleType():
		return "a list"
	case t.IsSetType():
		return "a set"
	case t.IsMapType():
		return "a map"
	case t.IsObjectType():
		return "an object"
	default:
		return t.FriendlyName()
	}
}

// Value turns what facts, late values and JSON are made of into a value of the language. What it does not know is an error.
func Value(x any) (cty.Value, error) {
	switch x := x.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case []any:
		return tupleOf(len(x), func(i int) (cty.Value, error) { return Value(x[i]) })
	case map[string]any:
		out := make(map[string]cty.Value, len(x))
		for k, e := range x {
			v, err := Value(e)
			if err != nil {
				return cty.NilVal, fmt.Errorf("%s: %w", k, err)
			}
			out[k] = v
		}
		return cty.ObjectVal(out), nil
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return cty.NilVal, fmt.Errorf("the language has no number %v", x)
		}
	case json.Number:
		return cty.ParseNumberVal(x.String())
	}
	rv := reflect.ValueOf(x)
	switch rv.Kind() {
	case reflect.Map:
		if rv.Type().Key().Kind() != reflect.String {
			return cty.NilVal, fmt.Errorf("the language has no value of Go type %T", x)
		}
	case reflect.Bool, reflect.String, reflect.Slice, reflect.Float64, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64:
	default:
		return cty.NilVal, fmt.Errorf("the language has no value of Go type %T", x)
	}
	return goValue(rv), nil
}

func tupleOf(n int, at func(int) (cty.Value, error)) (cty.Value, error) {
	out := make([]cty.Value, n)
	for i := range out {
		v, err := at(i)
		if err != nil {
			return cty.NilVal, fmt.Errorf("[%d]: %w", i, err)
		}
		out[i] = v
	}
	return cty.TupleVal(out), nil
}

// goValue reads a field.
func goValue(v reflect.Value) cty.Value {
	if m, ok := v.Interface().(resources.AttrMarshaler); ok && !(v.Kind() == reflect.Pointer && v.IsNil()) {
		out, err := Value(m.MarshalAttr())
		if err != nil {
			return cty.NullVal(cty.DynamicPseudoType)
		}
		return out
	}
	if d, ok := v.Interface().(resources.Duration); ok {
		return cty.StringVal(time.Duration(d).String())
	}
	switch v.Kind() {
	case reflect.String:
		return cty.StringVal(strings.ToValidUTF8(v.String(), "\uFFFD"))
	case reflect.Bool:
		return cty.BoolVal(v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		return cty.NumberIntVal(v.Int())
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return cty.NumberUIntVal(v.Uint())
	case reflect.Float64:
		return decimal(v.Float())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return goValue(v.Elem())
		}
	case reflect.Slice:
		if !v.IsNil() {
			out := make([]cty.Value, v.Len())
			for i := range out {
				out[i] = goValue(v.Index(i))
			}
			return cty.TupleVal(out)
		}
	case reflect.Map:
		if !v.IsNil() {
			out := make(map[string]cty.Value, v.Len())
			for it := v.MapRange(); it.Next(); {
				out[it.Key().String()] = goValue(it.Value())
			}
			return cty.ObjectVal(out)
		}
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// decimal is the number that a float64 was written as: 0.1 in a manifest has more digits of it than 0.1 in a float64, and is to equal it.
func decimal(f float64) cty.Value {
	v, err := cty.ParseNumberVal(strconv.FormatFloat(f, 'g', -1, 64))
	if err != nil { // it is infinite
		return cty.NumberFloatVal(f)
	}
	return v
}
