package syntax

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/resources"
)

// InstanceKey is the part of an address that names an instance: ["a"] or [0].
func InstanceKey(key cty.Value) string {
	if key.Type() == cty.Number {
		return "[" + key.AsBigFloat().Text('f', -1) + "]"
	}
	return "[" + resources.Quote(key.AsString()) + "]"
}
