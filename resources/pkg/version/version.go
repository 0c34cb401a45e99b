// Package version compares package versions by the rules of the node's package database: Debian's, rpm's, pacman's and apk's,
// and says whether a version meets a constraint such as ">= 1.2, < 2".
package version

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Scheme is one set of rules.
type Scheme struct {
	// Compare is negative, 0 or positive as a is before, equal to or after b.
	Compare func(a, b string) int
	// Match compares a real version with a declared one, which may leave out parts: rpm's release and epoch. As Compare otherwise.
	Match func(have, declared string) int
}

// The schemes.
var (
	Debian = Scheme{Compare: compareDebian, Match: compareDebian}
	RPM    = Scheme{Compare: CompareRPM, Match: matchRPM}
	Pacman = Scheme{Compare: comparePacman, Match: matchPacman}
	APK    = Scheme{Compare: CompareAPK, Match: matchAPK}
)

// Constraint is a conjunction of comparisons.
type Constraint []Bound

// Bound is one comparison of a constraint.
type Bound struct {
	Op      string // one of >= <= > < = !=
	Version string
}

var (
	valid    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+~^:_-]*$`)
	hasDigit = regexp.MustCompile(`[0-9]`)
	bound    = regexp.MustCompile(`^(>=|<=|==|!=|~>|>|<|=)\s*(\S+)$`)
	spaced   = regexp.MustCompile(`(>=|<=|==|!=|~>|>|<|=)\s+`)
	numeric  = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)
)

// Valid says whether s can be a version: letters, digits and .+~^:_- with a digit among them, and no sign at its start that a
// command could take for an option.
func Valid(s string) bool { return valid.MatchString(s) && hasDigit.MatchString(s) }

// IsConstraint says whether s is meant as a constraint: it starts with a comparison.
func IsConstraint(s string) bool { return s != "" && strings.ContainsRune("<>=!~", rune(s[0])) }

// ParseConstraint reads comparisons separated by commas or spaces. "~> 1.2" is ">= 1.2, < 2", "~> 1.2.3" is ">= 1.2.3, < 1.3".
func ParseConstraint(s string) (Constraint, error) {
	var c Constraint
	for part := range strings.SplitSeq(s, ",") {
		fields := strings.Fields(spaced.ReplaceAllString(part, "$1"))
		if len(fields) == 0 {
			return nil, fmt.Errorf("constraint %q: a comparison is missing", s)
		}
		for _, f := range fields {
			m := bound.FindStringSubmatch(f)
			if m == nil || !Valid(m[2]) {
				return nil, fmt.Errorf("constraint %q: want comparisons such as \">= 1.2, < 2\"", s)
			}
			switch m[1] {
			case "==":
				c = append(c, Bound{"=", m[2]})
			case "~>":
				next, ok := nextSeries(m[2])
				if !ok {
					return nil, fmt.Errorf("constraint %q: ~> wants numbers and dots", s)
				}
				c = append(c, Bound{">=", m[2]})
				if next != "" {
					c = append(c, Bound{"<", next})
				}
			default:
				c = append(c, Bound{m[1], m[2]})
			}
		}
	}
	return c, nil
}

// nextSeries is the first version that "~> v" excludes; "" where v has one part only.
func nextSeries(v string) (string, bool) {
	if !numeric.MatchString(v) {
		return "", false
	}
	parts := strings.Split(v, ".")
	if len(parts) == 1 {
		return "", true
	}
	parts = parts[:len(parts)-1]
	parts[len(parts)-1] = increment(parts[len(parts)-1])
	return strings.Join(parts, "."), true
}

// increment adds one to a decimal number of any length.
func increment(n string) string {
	b := []byte(n)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != '9' {
			b[i]++
			return string(b)
		}
		b[i] = '0'
	}
	return "1" + string(b)
}

// Allows says whether v meets every comparison of c.
func (c Constraint) Allows(s Scheme, v string) bool {
	return !slices.ContainsFunc(c, func(b Bound) bool { return !b.allows(s, v) })
}

// Above says whether v is beyond an upper bound of c, so that only a lower version can meet c.
func (c Constraint) Above(s Scheme, v string) bool {
	return slices.ContainsFunc(c, func(b Bound) bool {
		n := s.Match(v, b.Version)
		return n > 0 && (b.Op == "<" || b.Op == "<=" || b.Op == "=") || n == 0 && b.Op == "<"
	})
}

func (b Bound) allows(s Scheme, v string) bool {
	n := s.Match(v, b.Version)
	switch b.Op {
	case ">=":
		return n >= 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	case "<":
		return n < 0
	case "!=":
		return n != 0
	}
	return n == 0
}
