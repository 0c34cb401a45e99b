// Package instances makes of the value of for_each or count the instances of a block, and says which of those that are named it does not make.
package instances

import (
	"fmt"
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/reference"
)

// Max bounds the instances of a block.
const Max = 1_000_000

// Instance is one element of for_each or count. There may be very many, and they last as long as the catalog.
type Instance struct {
	Key   cty.Value // of for_each, or the index; unknown: it stands for those that only the run knows
	value cty.Value // of for_each
}

// Vars are what the expressions in a block see of its instance: each or count. Nil outside of both.
type Vars map[string]cty.Value

// Vars makes them anew: who evaluates several expressions keeps them meanwhile. They are nil for the only instance of a block, nil.
func (i *Instance) Vars() Vars {
	switch {
	case i == nil:
		return nil
	case i.value == cty.NilVal:
		return Vars{"count": cty.ObjectVal(map[string]cty.Value{"index": i.Key})}
	}
	return Vars{"each": cty.ObjectVal(map[string]cty.Value{"key": i.Key, "value": i.value})}
}

// Suffix is the part of the address; none for the only instance of a block, nil, and for one that stands for unknown ones.
func (i *Instance) Suffix() string {
	if i == nil || !i.Key.IsKnown() {
		return ""
	}
	return reference.InstanceKey(i.Key)
}

// Unknown stands for the instances that only the run knows, of a block that has count, or else for_each.
func Unknown(count bool) *Instance {
	if count {
		return &Instance{Key: cty.UnknownVal(cty.Number)}
	}
	return &Instance{Key: cty.UnknownVal(cty.String), value: cty.DynamicVal}
}

// ForEach makes the instances of a value of for_each. They are not known where only the run can tell. A problem is a sentence; it is empty if there is none.
func ForEach(v cty.Value) (list []*Instance, known bool, problem string) {
	t := v.Type()
	switch {
	case v.IsMarked():
		return nil, false, "A sensitive value cannot be used here: its keys would appear in addresses. If they are no secret, write `nonsensitive(...)` around them."
	case !v.IsKnown():
		return nil, false, ""
	case v.IsNull():
		return nil, false, "Want a map, an object or a set of strings, got null."
	case t.IsSetType() && !t.ElementType().Equals(cty.String) && v.LengthInt() > 0:
		return nil, false, fmt.Sprintf("A set must be of strings here; this is %s.", t.FriendlyName())
	case t.IsListType() || t.IsTupleType():
		return nil, false, "A list has no keys. If its elements are strings that differ, write `toset(...)`."
	case !t.IsMapType() && !t.IsObjectType() && !t.IsSetType():
		return nil, false, fmt.Sprintf("Want a map, an object or a set of strings, got %s.", decode.Describe(v))
	}
	if n := v.LengthInt(); n > Max {
		return nil, false, fmt.Sprintf("%d elements are over the limit of %d.", n, Max)
	}
	list = make([]*Instance, 0, v.LengthInt())
	for key, value := range v.Elements() {
		if t.IsSetType() {
			switch {
			case !value.IsKnown(): // cty would sort the set once more to tell it of the whole
				return nil, false, ""
			case value.IsNull():
				return nil, false, "An element of the set is null."
			}
			key = value
		}
		list = append(list, &Instance{key, value})
	}
	return list, true, ""
}

// Count is ForEach for a value of count.
func Count(given cty.Value) (list []*Instance, known bool, problem string) {
	v, err := convert.Convert(given, cty.Number)
	switch {
	case given.IsMarked():
		return nil, false, "A sensitive value cannot be used here: it would show in addresses."
	case err != nil || given.IsNull():
		return nil, false, fmt.Sprintf("Want a whole number, got %s.", decode.Describe(given))
	case !v.IsKnown():
		return nil, false, ""
	}
	n, exact := v.AsBigFloat().Int64()
	switch {
	case exact != big.Exact || n < 0:
		return nil, false, "Want a whole number that is not negative."
	case n > Max:
		return nil, false, fmt.Sprintf("%d is over the limit of %d.", n, Max)
	}
	list = make([]*Instance, n)
	for i := range list {
		list[i] = &Instance{Key: cty.NumberIntVal(int64(i))}
	}
	return list, true, ""
}

// Value arranges the values of a block's instances: one, a tuple for count, an object for for_each.
func Value(list []*Instance, count bool, members []cty.Value) cty.Value {
	switch {
	case len(list) == 1 && list[0] == nil:
		return members[0]
	case count:
		return cty.TupleVal(members)
	}
	out := make(map[string]cty.Value, len(members))
	for i, inst := range list {
		out[inst.Key.AsString()] = members[i]
	}
	return cty.ObjectVal(out)
}
