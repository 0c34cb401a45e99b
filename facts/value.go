package facts

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

var nameGrammar = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkName says what is wrong with the name of a fact: they are lower case letters, digits and underscores after a letter.
func checkName(name string) error {
	if !nameGrammar.MatchString(name) {
		return fmt.Errorf("%q is no name of a fact: want lower case letters, digits and _ after a letter", name)
	}
	return nil
}

// merge puts over into v, object by object. What is no object is replaced.
func merge(v any, over map[string]any) map[string]any {
	base, ok := v.(map[string]any)
	if !ok {
		return over
	}
	all := maps.Clone(base) // others hold it
	for k, o := range over {
		if deeper, ok := o.(map[string]any); ok {
			o = merge(all[k], deeper)
		}
		all[k] = o
	}
	return all
}

// dig returns the part of v that path names. A key may itself hold dots: the longest that fits is tried first.
func dig(v any, path string) (any, bool) {
	switch v := v.(type) {
	case []any:
		first, rest, deeper := strings.Cut(path, ".")
		i, err := strconv.Atoi(first)
		if err != nil || i < 0 || i >= len(v) {
			return nil, false
		}
		if !deeper {
			return v[i], true
		}
		return dig(v[i], rest)
	case map[string]any:
		if part, ok := v[path]; ok {
			return part, true
		}
		for i := len(path) - 1; i >= 0; i-- {
			if path[i] != '.' {
				continue
			}
			if part, ok := v[path[:i]]; ok {
				if found, ok := dig(part, path[i+1:]); ok {
					return found, true
				}
			}
		}
	}
	return nil, false
}
