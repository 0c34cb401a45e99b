package manifest

import "github.com/zclconf/go-cty/cty/function"

// FunctionsForTest are the functions of a module.
func FunctionsForTest(dir string) map[string]function.Function { return (&compiler{}).functions(dir) }
