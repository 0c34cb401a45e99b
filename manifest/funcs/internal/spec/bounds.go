package spec

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/limits"
)

// A Check refuses arguments with which a function would make too much. They are looked at as they were given: they may be
// marked, null and unknown.
type Check func(args []cty.Value) error

// LimitError says that a bound was exceeded. Its text holds the word "limit", and no values.
type LimitError string

func (e LimitError) Error() string { return string(e) }

// ArgError is function.NewArgError, but leaves an error about a limit as it is: who cleans errors could not see it inside.
func ArgError(i int, err error) error {
	if limit, ok := errors.AsType[LimitError](err); ok {
		return limit
	}
	return function.NewArgError(i, err)
}

// Limitf makes a LimitError.
func Limitf(format string, args ...any) error { return LimitError(fmt.Sprintf(format, args...)) }

// TooLong says that a string gets too long.
func TooLong() error {
	return Limitf("the result is longer than the limit of %d MiB for a string", limits.MaxString>>20)
}

// TooMany says that a list gets too long.
func TooMany() error {
	return Limitf("the result has more elements than the limit of %d", limits.MaxElements)
}

// Text returns the string that v is, marked or not; "" if it is no known string.
func Text(v cty.Value) string {
	if v, _ = v.Unmark(); v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		return v.AsString()
	}
	return ""
}

// Elements calls yield for each element of v, marked or not, until yield returns false; not at all if v has none or is not known.
func Elements(v cty.Value, yield func(cty.Value) bool) {
	if v, _ = v.Unmark(); !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, e := it.Element(); !yield(e) {
			return
		}
	}
}

// Weight estimates how long v gets as text: at most left, because a value can share its parts and be exponentially long.
func Weight(v cty.Value, left int) int {
	sum := 8 + len(Text(v))
	v, _ = v.Unmark()
	if v.Type().IsObjectType() || v.Type().IsMapType() {
		if v.IsKnown() && !v.IsNull() {
			for it := v.ElementIterator(); it.Next() && sum < left; {
				k, e := it.Element()
				sum += len(Text(k)) + Weight(e, left-sum)
			}
		}
		return sum
	}
	Elements(v, func(e cty.Value) bool {
		sum += Weight(e, left-sum)
		return sum < left
	})
	return sum
}

// Printable checks that the arguments, written as text one after the other, are within the bound of a string.
func Printable(args []cty.Value) error {
	left := 2 * limits.MaxString // because weight estimates high
	for _, a := range args {
		if left -= Weight(a, left); left <= 0 {
			return TooLong()
		}
	}
	return nil
}

// HugeExponent finds numbers that would be a gigabyte long when printed.
var HugeExponent = regexp.MustCompile(`^[-+0-9.]*[eEpP][-+]?0*[1-9][0-9]{4}`)

// IsSequence says whether ty is a list, a set or a tuple.
func IsSequence(ty cty.Type) bool { return ty.IsListType() || ty.IsSetType() || ty.IsTupleType() }
