// Package spec is what the functions of the language are written with: their parameters, their errors, and the bounds of what they take.
package spec

import (
	"cmp"
	"fmt"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// mark is the type of the one mark, so that nothing else equals it.
type mark string

// Sensitive is the mark of a value that must appear nowhere.
const Sensitive = mark("sensitive")

// Pure makes a function of strings to a string.
func Pure(f func(string) (string, error), params ...string) function.Function {
	return function.New(&function.Spec{
		Params: Strings(params...),
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, ArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
		RefineResult: NotNull,
	})
}

// Strings makes parameters that are strings.
func Strings(names ...string) []function.Parameter {
	params := make([]function.Parameter, len(names))
	for i, name := range names {
		params[i] = function.Parameter{Name: name, Type: cty.String}
	}
	return params
}

// Any is a parameter of any type.
func Any(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.DynamicPseudoType}
}

// NotNull refines a result that is never null.
func NotNull(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() }

// Number is a parameter that is a number.
func Number(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.Number}
}

// AllowAll makes a parameter take what a function is otherwise kept from: null, unknown and marked values.
func AllowAll(p function.Parameter) function.Parameter {
	p.AllowNull, p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true, true
	return p
}

// ValidText refuses bytes that cannot be a string.
func ValidText(b []byte, what string) (string, error) {
	if !utf8.Valid(b) {
		return "", fmt.Errorf("%s are not UTF-8 text; to pass bytes on as they are, see the functions with base64 in their names", cmp.Or(what, "the contents"))
	}
	return string(b), nil
}
