package tree

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
	"github.com/nodeapply/apply/manifest/limits"
)

// Templates makes the functions that render templates; in one, the functions inside can be called.
//
// If any of the variables is marked, the whole result is.
func (t Tree) Templates(inside map[string]function.Function, step func()) map[string]function.Function {
	return map[string]function.Function{
		"templatefile": templateFunc("path", func(path string, vars cty.Value) (cty.Value, error) {
			b, err := t.read(path)
			if err != nil {
				return cty.NilVal, spec.ArgError(0, err)
			}
			if _, err := spec.ValidText(b, "the contents of "+path); err != nil {
				return cty.NilVal, spec.ArgError(0, err)
			}
			return render(path, b, vars, inside, step)
		}),
		"templatestring": templateFunc("template", func(template string, vars cty.Value) (cty.Value, error) {
			return render("template", []byte(template), vars, inside, step)
		}),
	}
}

func templateFunc(source string, render func(source string, vars cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: source, Type: cty.String}, spec.Any("vars")},
		Type:         function.StaticReturnType(cty.String),
		RefineResult: spec.NotNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if ty := args[1].Type(); !ty.IsObjectType() && !ty.IsMapType() {
				return cty.NilVal, function.NewArgErrorf(1, "a map or object of the template's variables is needed, not %s", ty.FriendlyName())
			}
			return render(args[0].AsString(), args[1])
		},
	})
}

// Nested stands for templatefile and templatestring inside of templates, where they could call each other without end.
func Nested(params []function.Parameter) function.Function {
	return function.New(&function.Spec{
		Params: params,
		Type:   func([]cty.Value) (cty.Type, error) { return cty.NilType, errNested },
		Impl:   func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, errNested },
	})
}

func render(name string, src []byte, vars cty.Value, fns map[string]function.Function, step func()) (cty.Value, error) {
	if diags := limits.CheckTemplate(name, src); diags.HasErrors() {
		return cty.NilVal, spec.ArgError(0, templateError(diags))
	}
	expr, diags := hclsyntax.ParseTemplate(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, spec.ArgError(0, templateError(diags))
	}
	given := vars.AsValueMap()
	for varName := range given {
		if !hclsyntax.ValidIdentifier(varName) {
			return cty.NilVal, function.NewArgErrorf(1, "%q cannot be the name of a variable: a letter and then letters, digits, \"_\" and \"-\" are needed", varName)
		}
	}
	var missing []string
	for _, use := range expr.Variables() {
		root := use.RootName()
		if _, ok := given[root]; !ok {
			at := use.SourceRange()
			missing = append(missing, fmt.Sprintf("%q at %s:%d,%d", root, at.Filename, at.Start.Line, at.Start.Column))
		}
	}
	if len(missing) > 0 {
		return cty.NilVal, function.NewArgErrorf(1, "the template uses what is not among its variables: %s", strings.Join(missing, ", "))
	}
	limits.Bound(expr, step)
	val, diags := expr.Value(&hcl.EvalContext{Variables: given, Functions: fns})
	if diags.HasErrors() {
		return cty.NilVal, spec.ArgError(0, templateError(diags))
	}
	val, err := convert.Convert(val, cty.String)
	if err != nil || val.IsNull() {
		return cty.NilVal, function.NewArgErrorf(0, "the template does not give a string")
	}
	return val, nil
}

func templateError(diags hcl.Diagnostics) error {
	texts := make([]string, len(diags))
	for i, d := range diags {
		texts[i] = strings.TrimSuffix(d.Error(), ".")
	}
	text := strings.Join(texts, "; ")
	if limits.Over(diags) {
		return spec.LimitError(text)
	}
	return errors.New(text)
}

var errNested = errors.New("a template cannot be rendered inside a template")
