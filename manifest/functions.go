package manifest

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/funcs"
)

// functions are those of the modules in one folder.
func (c *compiler) functions(dir string) map[string]function.Function {
	if fns, ok := c.funcs[dir]; ok {
		return fns
	}
	fns := funcs.Functions(funcs.Options{BaseDir: dir, Root: c.opts.Root, Identities: c.opts.Identities, Step: c.step})
	for _, name := range []string{"sensitive", "decrypt"} {
		fns[name] = c.noting(fns[name])
	}
	c.funcs[dir] = fns
	return fns
}

// noting remembers what a function makes secret, also where only a part of it becomes the value of an attribute.
func (c *compiler) noting(f function.Function) function.Function {
	params := f.Params()
	for i := range params {
		params[i].AllowNull, params[i].AllowUnknown, params[i].AllowDynamicType, params[i].AllowMarked = true, true, true, true
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err == nil {
				c.secrets.Add(v)
			}
			return v, err
		},
	})
}
