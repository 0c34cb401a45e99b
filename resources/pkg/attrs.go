package pkg

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nodeapply/apply/resources"
)

// Ensure is a word, a version, or a constraint.
type Ensure string

// UnmarshalAttr accepts a string: of the number 1.10 nothing is left but 1.1, which is another version.
func (e *Ensure) UnmarshalAttr(v any) error {
	switch v := v.(type) {
	case string:
		*e = Ensure(v)
		return nil
	case float64:
		return errors.New("a version is a string, not a number: write it in quotes, \"1.10\" and 1.1 are two versions")
	}
	return errors.New(`want a string such as "installed", "1.10" or ">= 1.2"`)
}

// Options are command line options, as a list of strings and maps.
type Options []string

// UnmarshalAttr accepts a string, or a list of strings and of maps from an option to its value: {"--root" = "/x"} is --root=/x.
func (o *Options) UnmarshalAttr(v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out Options
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(m)) {
				var value resources.Scalar
				if err := value.UnmarshalAttr(m[key]); err != nil {
					return err
				}
				out = append(out, key+"="+string(value))
			}
			continue
		}
		var s resources.Scalar
		if err := s.UnmarshalAttr(e); err != nil {
			return fmt.Errorf("want strings, or maps of an option to its value")
		}
		out = append(out, string(s))
	}
	*o = out
	return nil
}
