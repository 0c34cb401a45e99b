package cron

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/cron/crontab"
)

// Times is one part of a time as a crontab writes it: "*/5", "1,15", "mon-fri".
type Times string

// UnmarshalAttr accepts a number, a string, or a list of these.
func (t *Times) UnmarshalAttr(v any) error {
	var s resources.Strings
	if err := s.UnmarshalAttr(v); err != nil {
		return err
	}
	if len(s) == 0 {
		return errors.New("an empty list; `*` stands for all")
	}
	*t = Times(strings.Join(s, ","))
	return nil
}

// canonical is the part with numbers for names, and "*" for absent; "" is itself.
func (t Times) canonical(p crontab.Part) (string, error) {
	switch t {
	case "":
		return "", nil
	case absent:
		return "*", nil
	}
	return p.Canonical(string(t))
}

// Environment is variables, NAME=value each.
type Environment []string

// UnmarshalAttr accepts "NAME=value", a list of these, or a map.
func (e *Environment) UnmarshalAttr(v any) error {
	var s resources.Strings
	if m, ok := v.(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			var value resources.Scalar
			if err := value.UnmarshalAttr(m[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			s = append(s, name+"="+string(value))
		}
	} else if err := s.UnmarshalAttr(v); err != nil {
		return err
	}
	out := make(Environment, len(s))
	for i, pair := range s {
		var ok bool
		if out[i], ok = crontab.Variable(pair); !ok || strings.ContainsAny(pair, "\n\r\x00") {
			return fmt.Errorf("%q: want NAME=value, one line", pair)
		}
	}
	*e = out
	return nil
}
