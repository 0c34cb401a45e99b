package resources

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AttrError says that the attribute Attr is wrong; the caller that knows the manifest adds the line.
type AttrError struct {
	Attr string
	Err  error
}

// Error is "ATTR: reason".
func (e *AttrError) Error() string { return e.Attr + ": " + e.Err.Error() }

// Attribute returns Attr.
func (e *AttrError) Attribute() string { return e.Attr }

// Unwrap returns the reason.
func (e *AttrError) Unwrap() error { return e.Err }

// MissingError says that something is not there, and what to write into the manifest where nothing earlier in the run brings it.
type MissingError struct {
	What, Advice string
}

// Error is "WHAT; ADVICE".
func (e *MissingError) Error() string { return e.What + "; " + e.Advice }

// Mistakes gathers what a [Validator] finds wrong. The zero value has none.
type Mistakes struct{ errs []error }

// Add adds a mistake in an attribute; a nil error is none.
func (m *Mistakes) Add(attr string, err error) {
	if err != nil {
		m.errs = append(m.errs, &AttrError{Attr: attr, Err: err})
	}
}

// Addf adds a mistake in an attribute, see fmt.Errorf.
func (m *Mistakes) Addf(attr, format string, args ...any) { m.Add(attr, fmt.Errorf(format, args...)) }

// OneOf adds a mistake unless value is one of words, of which there are two or more.
func (m *Mistakes) OneOf(attr, value string, words ...string) {
	if !slices.Contains(words, value) {
		last := len(words) - 1
		m.Addf(attr, "want %s or %s, not %q", strings.Join(words[:last], ", "), words[last], value)
	}
}

// Err is all mistakes, joined by errors.Join; nil for none.
func (m *Mistakes) Err() error { return errors.Join(m.errs...) }

// AttrUnmarshaler is a type of an attribute that reads its own value: bool, string, float64, []any or map[string]any, never nil.
type AttrUnmarshaler interface{ UnmarshalAttr(v any) error }

// AttrMarshaler is a type of an attribute that gives its value as a manifest writes it: what UnmarshalAttr would read, or nil. Without it
// the field's Go value is taken.
type AttrMarshaler interface{ MarshalAttr() any }

// Strings is a list that may be written as one string.
type Strings []string

// UnmarshalAttr accepts a scalar or a list of scalars.
func (s *Strings) UnmarshalAttr(v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make(Strings, len(list))
	for i, e := range list {
		str, ok := scalarString(e)
		if !ok {
			return fmt.Errorf("want a string or a list of strings")
		}
		out[i] = str
	}
	*s = out
	return nil
}

// Scalar is a string, a number or a boolean, kept as it is written: "true", "0", "mask".
type Scalar string

// UnmarshalAttr accepts any scalar.
func (s *Scalar) UnmarshalAttr(v any) error {
	str, ok := scalarString(v)
	if !ok {
		return fmt.Errorf("want a string, a number or a boolean")
	}
	*s = Scalar(str)
	return nil
}

func scalarString(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// Duration is a length of time, written as a duration string ("90s", "5m") or as a number of seconds.
type Duration time.Duration

// UnmarshalAttr accepts a duration string, a number of seconds, or such a number as a string. It must not be negative.
func (d *Duration) UnmarshalAttr(v any) error {
	s, _ := scalarString(v)
	if secs, err := strconv.ParseFloat(s, 64); err == nil {
		if !(secs >= 0 && secs <= math.MaxInt64/float64(time.Second)) {
			return fmt.Errorf("a duration cannot be %s", s)
		}
		*d = Duration(secs * float64(time.Second))
		return nil
	}
	parsed, err := time.ParseDuration(s)
	if err != nil || parsed < 0 {
		return fmt.Errorf("want a duration such as \"90s\" or \"5m\", or a number of seconds")
	}
	*d = Duration(parsed)
	return nil
}
