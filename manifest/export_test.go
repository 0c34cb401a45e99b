package manifest

import (
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/funcs"
)

// FunctionsForTest are the functions of a module.
func FunctionsForTest(dir string) map[string]function.Function {
	return funcs.Functions(funcs.Options{BaseDir: dir})
}
