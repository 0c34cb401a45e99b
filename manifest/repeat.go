package manifest

import (
	"math/big"

	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/syntax"
)

// maxEntries bounds the resources of one catalog.
const maxEntries = 1_000_000

// repetition says how often a block is instantiated.
type repetition struct {
	list  []*instance
	known bool // false: only the run can tell
	deps  deps
}

var once = repetition{list: []*instance{nil}, known: true}

// repeat evaluates for_each or count of a block; ok is false if it is wrong.
func (s *scope) repeat(r *run, b *syntax.Block) (repetition, bool) {
	each, count := b.Attr("for_each"), b.Attr("count")
	switch {
	case each == nil && count == nil:
		return once, true
	case each != nil && count != nil:
		r.errorf(count.At, "Contradiction", "A block has `for_each` or `count`, not both.")
		return repetition{}, false
	case each != nil:
		return s.forEach(r, each)
	default:
		return s.count(r, count)
	}
}

func (s *scope) forEach(r *run, a *syntax.Attr) (repetition, bool) {
	res := s.eval(r, &a.Expr, nil)
	if !res.ok {
		return repetition{}, false
	}
	at := a.Range().Ptr()
	v := res.val
	t := v.Type()
	bad := func(detail string, args ...any) (repetition, bool) {
		r.errorf(at, "Wrong value for `for_each`", detail, args...)
		return repetition{}, false
	}
	switch {
	case v.IsMarked():
		return bad("A sensitive value cannot be used here: its keys would appear in addresses.")
	case !v.IsKnown():
		return repetition{deps: res.deps}, true
	case v.IsNull():
		return bad("Want a map, an object or a set of strings, got null.")
	case t.IsSetType() && !t.ElementType().Equals(cty.String) && v.LengthInt() > 0:
		return bad("A set must be of strings here; this is %s.", t.FriendlyName())
	case t.IsListType() || t.IsTupleType():
		return bad("A list has no keys. If its elements are strings that differ, write `toset(...)`.")
	case !t.IsMapType() && !t.IsObjectType() && !t.IsSetType():
		return bad("Want a map, an object or a set of strings, got %s.", decode.Describe(v))
	}
	if n := v.LengthInt(); n > maxEntries {
		return bad("%d elements are over the limit of %d.", n, maxEntries)
	}
	rep := repetition{known: true, deps: res.deps, list: make([]*instance, 0, v.LengthInt())}
	for key, value := range v.Elements() {
		if t.IsSetType() {
			switch {
			case !value.IsKnown():
				return repetition{deps: res.deps}, true
			case value.IsNull():
				return bad("An element of the set is null.")
			}
			key = value
		}
		rep.list = append(rep.list, eachInstance(key, value))
	}
	return rep, true
}

func eachInstance(key, value cty.Value) *instance {
	return &instance{key: key, vars: map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}}
}

func countInstance(i cty.Value) *instance {
	return &instance{key: i, vars: map[string]cty.Value{"count": cty.ObjectVal(map[string]cty.Value{"index": i})}}
}

// unknownInstance stands for the instances that only the run knows.
func unknownInstance(b *syntax.Block) *instance {
	if b.Attr("count") != nil {
		return countInstance(cty.UnknownVal(cty.Number))
	}
	return eachInstance(cty.UnknownVal(cty.String), cty.DynamicVal)
}

func (s *scope) count(r *run, a *syntax.Attr) (repetition, bool) {
	res := s.eval(r, &a.Expr, nil)
	if !res.ok {
		return repetition{}, false
	}
	bad := func(detail string, args ...any) (repetition, bool) {
		r.errorf(a.Range().Ptr(), "Wrong value for `count`", detail, args...)
		return repetition{}, false
	}
	v, err := convertScalar(res.val, cty.Number)
	switch {
	case res.val.IsMarked():
		return bad("A sensitive value cannot be used here: it would show in addresses.")
	case err != nil || res.val.IsNull():
		return bad("Want a whole number, got %s.", decode.Describe(res.val))
	case !v.IsKnown():
		return repetition{deps: res.deps}, true
	}
	n, exact := v.AsBigFloat().Int64()
	switch {
	case exact != big.Exact || n < 0:
		return bad("Want a whole number that is not negative.")
	case n > maxEntries:
		return bad("%d is over the limit of %d.", n, maxEntries)
	}
	rep := repetition{known: true, deps: res.deps, list: make([]*instance, n)}
	for i := range rep.list {
		rep.list[i] = countInstance(cty.NumberIntVal(int64(i)))
	}
	return rep, true
}
