// Package funcs holds the functions of the manifest language, by the names and with the arguments that Terraform's users know.
//
// A function gives the same result for the same arguments and files: there is no clock and nothing random. None blocks, panics, or makes more
// than the bounds of package limits; an error about a bound has the word "limit" in its text. The mark Sensitive follows a value
// through every function, and the text of an error never quotes a value that carries it.
package funcs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/funcs/internal/collection"
	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
	"github.com/nodeapply/apply/manifest/funcs/internal/text"
	"github.com/nodeapply/apply/manifest/funcs/internal/tree"
	"github.com/nodeapply/apply/manifest/funcs/internal/value"
	"github.com/nodeapply/apply/manifest/limits"
)

// Sensitive is the mark of a value that must appear nowhere.
const Sensitive = spec.Sensitive

// Options says where the functions that read files look.
type Options struct {
	// BaseDir is the folder of the module, absolute; relative paths start there.
	BaseDir string
	// Within, if not empty, is a folder that relative paths, those that begin with its own, and symbolic links in it do not lead out of.
	Within string
	// Identities are files that decrypt may use: age identities, or private SSH keys. Those that do not exist are passed over.
	Identities []string
	// Step, if not nil, is called by templates between two elements. It may end the goroutine.
	Step func()
	// OnSecret, if not nil, is told what a function makes sensitive, also where only a part of it becomes a value of the manifest.
	OnSecret func(cty.Value)
}

// Functions returns all functions by name, for an hcl.EvalContext.
func Functions(opts Options) map[string]function.Function {
	fns := make(map[string]function.Function, 128)
	for _, some := range []map[string]function.Function{value.Functions(), text.Functions(), collection.Functions()} {
		maps.Copy(fns, some)
	}
	files := tree.Tree{Base: opts.BaseDir, Within: opts.Within}
	maps.Copy(fns, files.Functions())
	fns["decrypt"] = files.Decrypt(opts.Identities)
	checks := value.Checks()
	maps.Copy(checks, text.Checks())
	maps.Copy(checks, collection.Checks())
	for name, f := range fns {
		if !unguarded[name] {
			fns[name] = guard(f, checks[name])
		}
	}
	fns["tostring"] = value.Digits(fns["tostring"])
	fns["try"] = tryfunc.TryFunc
	fns["can"] = tryfunc.CanFunc
	if opts.OnSecret != nil {
		for _, name := range []string{"sensitive", "decrypt"} {
			fns[name] = noting(fns[name], opts.OnSecret)
		}
	}

	inTemplates := maps.Clone(fns)
	for name, f := range files.Templates(inTemplates, opts.Step) {
		fns[name] = guard(f, nil)
		inTemplates[name] = tree.Nested(f.Params())
	}
	return fns
}

// noting tells note what f makes.
func noting(f function.Function, note func(cty.Value)) function.Function {
	params := f.Params()
	for i := range params {
		params[i] = spec.AllowAll(params[i])
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err == nil {
				note(v)
			}
			return v, err
		},
	})
}

// unguarded are functions that make nothing longer than their arguments, and whose errors quote no values. They are often
// called on long lists in loops, and each layer looks through the list again.
var unguarded = map[string]bool{"concat": true, "element": true, "keys": true, "length": true, "merge": true, "values": true}

// guard makes of f a function with clean errors and results within bounds. allowed may be nil.
func guard(f function.Function, allowed spec.Check) function.Function {
	params, last := f.Params(), f.VarParam()
	convert := spec.Collections(params, last)
	for i := range params {
		params[i] = spec.AllowAll(params[i])
	}
	if last != nil {
		*last = spec.AllowAll(*last)
	}
	return function.New(&function.Spec{
		Params:   params,
		VarParam: last,
		Type:     function.StaticReturnType(cty.DynamicPseudoType), // f.Call tells the type of what it returns, known or not
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			given := args
			if convert != nil {
				var err error
				if args, err = convert(given); err != nil {
					return cty.NilVal, clean(err, given)
				}
			}
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
				return cty.NilVal, clean(err, given)
			}
			return val, nil
		},
	})
}

// clean returns err without the stack of a panic, and without its text if that could quote a sensitive argument.
func clean(err error, args []cty.Value) error {
	if _, ok := errors.AsType[spec.LimitError](err); ok {
		return err
	}
	arg, isArg := errors.AsType[function.ArgError](err)
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
	if broken, ok := errors.AsType[function.PanicError](err); ok {
		if _, ok := broken.Value.(big.ErrNaN); ok {
			return errors.New("the result is not a number")
		}
		return fmt.Errorf("cannot be computed for these arguments: %v", broken.Value)
	}
	if errors.Is(err, io.EOF) { // which jsondecode says, and nothing else
		return errors.New("the text ends too early")
	}
	return err
}

func hasSensitive(v cty.Value) bool {
	found := false
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		found = found || v.HasMark(spec.Sensitive)
		return !found, nil
	})
	return found
}

func bounded(v cty.Value) error {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return nil
	}
	switch ty := v.Type(); {
	case ty == cty.String && len(v.AsString()) > limits.MaxString:
		return spec.TooLong()
	case ty == cty.Number && v.AsBigFloat().IsInf():
		return errors.New("the result is not a finite number")
	case (ty.IsCollectionType() || ty.IsTupleType()) && v.LengthInt() > limits.MaxElements:
		return spec.TooMany()
	}
	return nil
}
