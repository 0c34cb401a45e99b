package manifest

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

type markType struct{}

var sensitiveMark = markType{}

func (c *compiler) check(name string, src []byte) hcl.Diagnostics {
	return nil
}

func (c *compiler) functions(dir string) map[string]function.Function {
	return map[string]function.Function{
		"try": tryfunc.TryFunc, "can": tryfunc.CanFunc, "concat": stdlib.ConcatFunc, "upper": stdlib.UpperFunc,
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tonumber": stdlib.MakeToFunc(cty.Number), "keys": stdlib.KeysFunc,
		"jsonencode": stdlib.JSONEncodeFunc, "length": stdlib.LengthFunc, "join": stdlib.JoinFunc,
		"sensitive": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "v", Type: cty.DynamicPseudoType, AllowMarked: true, AllowNull: true, AllowUnknown: true, AllowDynamicType: true}},
			Type:   func(a []cty.Value) (cty.Type, error) { return a[0].Type(), nil },
			Impl:   func(a []cty.Value, _ cty.Type) (cty.Value, error) { return a[0].Mark(sensitiveMark), nil },
		}),
	}
}
