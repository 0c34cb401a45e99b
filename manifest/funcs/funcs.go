// Package funcs holds the functions of the manifest language, by the names and with the arguments that Terraform's users know.
//
// A function gives the same result for the same arguments and files: there is no clock and nothing random. None blocks, panics, or makes more
// than the bounds of package limits; an error about a bound has the word "limit" in its text. The mark Sensitive follows a value
// through every function, and the text of an error never quotes a value that carries it.
package funcs

import (
	"errors"
	"fmt"
	"maps"
	"math/big"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/manifest/limits"
)

type mark string

// Sensitive is the mark of a value that must appear nowhere.
const Sensitive = mark("sensitive")

// Options says where the functions that read files look.
type Options struct {
	// BaseDir is the folder of the module, absolute; relative paths start there.
	BaseDir string
	// Root, if not empty, is a folder that no path and no symbolic link may lead out of.
	Root string
	// Identities are files that decrypt may use: age identities, or private SSH keys. Those that do not exist are passed over.
	Identities []string
	// Step, if not nil, is called by templates between two elements. It may end the goroutine.
	Step func()
}

// Functions returns all functions by name, for an hcl.EvalContext.
func Functions(opts Options) map[string]function.Function {
	fns := make(map[string]function.Function, 128)
	for _, some := range []map[string]function.Function{numbers(), texts(), collections(), conversions(), encodings(), hashes(), addresses()} {
		maps.Copy(fns, some)
	}
	tree := tree{base: opts.BaseDir, root: opts.Root}
	maps.Copy(fns, tree.functions())
	fns["decrypt"] = decrypt(tree, opts.Identities)
	checks := checks()
	for name, f := range fns {
		if !unguarded[name] {
			fns[name] = guard(f, checks[name])
		}
	}
	fns["try"] = tryfunc.TryFunc
	fns["can"] = tryfunc.CanFunc

	inTemplates := maps.Clone(fns)
	for name, f := range templates(tree, inTemplates, opts.Step) {
		fns[name] = guard(f, nil)
		inTemplates[name] = nestedTemplate(f.Params())
	}
	return fns
}

// unguarded are functions that make nothing longer than their arguments, and whose errors quote no values. They are often
// called on long lists in loops, and each layer looks through the list again.
var unguarded = map[string]bool{"concat": true, "element": true, "keys": true, "length": true, "merge": true, "values": true}

// A check refuses arguments with which a function would make too much. They are looked at as they were given: they may be
// marked, null and unknown.
type check func(args []cty.Value) error

func checks() map[string]check {
	return map[string]check{
		"csvdecode":  decodableCSV,
		"flatten":    flattenable,
		"format":     formattable,
		"formatlist": formattable,
		"indent":     indentable,
		"join":       joinable,
		"jsondecode": decodableJSON,
		"jsonencode": printable,
		"parseint":   shortNumber,
		"regexall":   matchable,
		"setproduct": multipliable,
		"split":      splittable,
		"tonumber":   printableNumber,
		"yamlencode": printable,
	}
}

// guard makes of f a function with clean errors and results within bounds. allowed may be nil.
func guard(f function.Function, allowed check) function.Function {
	params, last := f.Params(), f.VarParam()
	for i := range params {
		params[i] = allowAll(params[i])
	}
	if last != nil {
		*last = allowAll(*last)
	}
	return function.New(&function.Spec{
		Params:   params,
		VarParam: last,
		Type:     function.StaticReturnType(cty.DynamicPseudoType), // f.Call tells the type of what it returns, known or not
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if allowed != nil {
				if err := allowed(args); err != nil {
					return cty.NilVal, err
				}
			}
			val, err := f.Call(args)
			if err == nil {
				err = bounded(val)
			}
			if err != nil {
				return cty.NilVal, clean(err, args)
			}
			return val, nil
		},
	})
}

func allowAll(p function.Parameter) function.Parameter {
	p.AllowNull, p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true, true
	return p
}

// clean returns err without the stack of a panic, and without its text if that could quote a sensitive argument.
func clean(err error, args []cty.Value) error {
	var limit limitError
	if errors.As(err, &limit) {
		return err
	}
	var arg function.ArgError
	isArg := errors.As(err, &arg)
	for _, a := range args {
		if !hasSensitive(a) {
			continue
		}
		hidden := errors.New("the sensitive value cannot be used here; why is not said, to keep it hidden")
		if isArg {
			return function.NewArgError(arg.Index, hidden)
		}
		return hidden
	}
	var broken function.PanicError
	if errors.As(err, &broken) {
		if _, ok := broken.Value.(big.ErrNaN); ok {
			return errors.New("the result is not a number")
		}
		return fmt.Errorf("cannot be computed for these arguments: %v", broken.Value)
	}
	return err
}

func hasSensitive(v cty.Value) bool {
	found := false
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		found = found || v.HasMark(Sensitive)
		return !found, nil
	})
	return found
}

// limitError says that a bound was exceeded. Its text holds the word "limit", and no values.
type limitError string

func (e limitError) Error() string { return string(e) }

// argError is function.NewArgError, but leaves an error about a limit as it is: clean could not see it inside.
func argError(i int, err error) error {
	var limit limitError
	if errors.As(err, &limit) {
		return limit
	}
	return function.NewArgError(i, err)
}

func limitf(format string, args ...any) error { return limitError(fmt.Sprintf(format, args...)) }

func tooLong() error {
	return limitf("the result is longer than the limit of %d MiB for a string", limits.MaxString>>20)
}

func tooMany() error {
	return limitf("the result has more elements than the limit of %d", limits.MaxElements)
}

func bounded(v cty.Value) error {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return nil
	}
	switch ty := v.Type(); {
	case ty == cty.String && len(v.AsString()) > limits.MaxString:
		return tooLong()
	case ty == cty.Number && v.AsBigFloat().IsInf():
		return errors.New("the result is not a finite number")
	case (ty.IsCollectionType() || ty.IsTupleType()) && v.LengthInt() > limits.MaxElements:
		return tooMany()
	}
	return nil
}

// text returns the string that v is, marked or not; "" if it is no known string.
func text(v cty.Value) string {
	if v, _ = v.Unmark(); v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		return v.AsString()
	}
	return ""
}

// elements calls yield for each element of v, marked or not, until yield returns false; not at all if v has none or is not known.
func elements(v cty.Value, yield func(cty.Value) bool) {
	if v, _ = v.Unmark(); !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, e := it.Element(); !yield(e) {
			return
		}
	}
}

// weight estimates how long v gets as text: at most left, because a value can share its parts and be exponentially long.
func weight(v cty.Value, left int) int {
	sum := 8 + len(text(v))
	v, _ = v.Unmark()
	if v.Type().IsObjectType() || v.Type().IsMapType() {
		if v.IsKnown() && !v.IsNull() {
			for it := v.ElementIterator(); it.Next() && sum < left; {
				k, e := it.Element()
				sum += len(text(k)) + weight(e, left-sum)
			}
		}
		return sum
	}
	elements(v, func(e cty.Value) bool {
		sum += weight(e, left-sum)
		return sum < left
	})
	return sum
}

// printable checks that the arguments, written as text one after the other, are within the bound of a string.
func printable(args []cty.Value) error {
	left := 2 * limits.MaxString // because weight estimates high
	for _, a := range args {
		if left -= weight(a, left); left <= 0 {
			return tooLong()
		}
	}
	return nil
}

func encodings() map[string]function.Function {
	return map[string]function.Function{
		"base64decode": base64Decode,
		"base64encode": base64Encode,
		"base64gzip":   base64Gzip,
		"csvdecode":    stdlib.CSVDecodeFunc,
		"jsondecode":   stdlib.JSONDecodeFunc,
		"jsonencode":   stdlib.JSONEncodeFunc,
		"urlencode":    urlEncode,
		"yamldecode":   ctyyaml.YAMLDecodeFunc,
		"yamlencode":   ctyyaml.YAMLEncodeFunc,
	}
}

// pure makes a function of strings to a string.
func pure(f func(string) (string, error), params ...string) function.Function {
	return function.New(&function.Spec{
		Params: stringParams(params...),
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, argError(0, err)
			}
			return cty.StringVal(s), nil
		},
		RefineResult: notNull,
	})
}

func stringParams(names ...string) []function.Parameter {
	params := make([]function.Parameter, len(names))
	for i, name := range names {
		params[i] = function.Parameter{Name: name, Type: cty.String}
	}
	return params
}

func anyParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.DynamicPseudoType}
}

func notNull(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() }
