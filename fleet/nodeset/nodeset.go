// Package nodeset reads and writes sets of node names: n[001-128], r[1-2]n[01-04,07], @storage, n[01-32]!n07.
//
// Operators apply from left to right, as they stand: a comma (or a blank) adds, ! takes away, & keeps what is in both. So n[01-32],!n07 and n[01-32]!n07
// are the same set. A set keeps the order in which its names were written; Fold writes it in its shortest form.
package nodeset

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/exchange/name"
)

// Max bounds the names of one set.
const Max = 65536

// ErrSyntax is in the error of a text that is no node set.
var ErrSyntax = errors.New("bad node set")

// GroupError says that there is no such group.
type GroupError struct{ Group string }

// Error names the group.
func (e *GroupError) Error() string {
	return fmt.Sprintf("group %.80q: there is no such group", e.Group)
}

// Groups finds the names of a group; false where there is no such group. @all and @* are asked for as "all".
type Groups func(group string) ([]string, bool)

// Parse reads a node set. Groups may be nil where there are none.
func Parse(text string, groups Groups) ([]string, error) { return Change(nil, text, groups) }

// Change applies a text to a set that is there: one that begins with ! or & takes away from it, any other adds.
func Change(base []string, text string, groups Groups) ([]string, error) {
	set := newSet(base)
	for rest := text; ; {
		var op byte
		op, rest = operator(rest)
		if rest == "" {
			if op == '!' || op == '&' {
				return nil, syntax(text, "ends after %q", op)
			}
			return set.names, nil
		}
		end, err := termEnd(rest)
		if err != nil {
			return nil, fmt.Errorf("%q: %w: %w", clip(text), ErrSyntax, err)
		}
		names, err := term(rest[:end], groups)
		if err != nil {
			return nil, err
		}
		if set = set.apply(op, names); len(set.names) > Max {
			return nil, fmt.Errorf("%q: over the limit of %d nodes", clip(text), Max)
		}
		rest = rest[end:]
	}
}

func syntax(text, format string, args ...any) error {
	return fmt.Errorf("%q: %w: %s", clip(text), ErrSyntax, fmt.Sprintf(format, args...))
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

// operator takes the operators off the beginning of a text. Of several the last that is no comma counts.
func operator(s string) (op byte, rest string) {
	op = ','
	for i := range len(s) {
		switch s[i] {
		case '!', '&':
			op = s[i]
		case ',', ' ', '\t', '\n', '\r':
		default:
			return op, s[i:]
		}
	}
	return op, ""
}

// termEnd finds where the term at the beginning of s ends: at an operator outside of brackets.
func termEnd(s string) (int, error) {
	inside := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '[' && inside, c == ']' && !inside:
			return 0, fmt.Errorf("%q does not belong here", c)
		case c == '[', c == ']':
			inside = !inside
		case !inside && strings.IndexByte(",!& \t\r\n", c) >= 0:
			return i, nil
		}
	}
	if inside {
		return 0, errors.New("a [ is not closed")
	}
	return len(s), nil
}

// term expands one term: a group or a pattern.
func term(s string, groups Groups) ([]string, error) {
	group, ok := strings.CutPrefix(s, "@")
	if !ok {
		return expand(s)
	}
	if group == "*" {
		group = "all"
	}
	if groups != nil {
		if names, ok := groups(group); ok {
			return names, nil
		}
	}
	return nil, &GroupError{group}
}

// expand expands a pattern: text with ranges in brackets.
func expand(pattern string) ([]string, error) {
	names := []string{""}
	for rest := pattern; rest != ""; {
		text, after, ranged := strings.Cut(rest, "[")
		for i := range names {
			names[i] += text
		}
		if !ranged {
			break
		}
		body, after, _ := strings.Cut(after, "]")
		numbers, err := ranges(body)
		if err != nil {
			return nil, fmt.Errorf("%q: %w: %w", clip(pattern), ErrSyntax, err)
		}
		if len(numbers)*len(names) > Max {
			return nil, fmt.Errorf("%q: over the limit of %d nodes", clip(pattern), Max)
		}
		product := make([]string, 0, len(numbers)*len(names))
		for _, n := range names {
			for _, number := range numbers {
				product = append(product, n+number)
			}
		}
		names, rest = product, after
	}
	for _, n := range names {
		if err := Check(n); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// Check says why a text cannot be the name of a node: a host name or an IP address.
func Check(s string) error {
	if name.Node(s) == nil {
		return nil
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	return fmt.Errorf("node %.80q: %w: a node is a host name or an IP address", s, ErrSyntax)
}

// ranges expands what stands in brackets: 001-128,130 or 0-10/2.
func ranges(body string) ([]string, error) {
	var out []string
	for part := range strings.SplitSeq(body, ",") {
		part = strings.TrimSpace(part)
		span, stepText, stepped := strings.Cut(part, "/")
		lowText, highText, ranged := strings.Cut(span, "-")
		if !ranged {
			highText = lowText
		}
		low, err := number(lowText)
		if err != nil {
			return nil, err
		}
		high, err := number(highText)
		if err != nil {
			return nil, err
		}
		step := 1
		if stepped {
			if step, err = number(stepText); err != nil {
				return nil, err
			}
		}
		switch {
		case high < low:
			return nil, fmt.Errorf("%s: the range ends before it begins", part)
		case step == 0:
			return nil, fmt.Errorf("%s: a step of 0", part)
		case (high-low)/step+len(out) >= Max:
			return nil, fmt.Errorf("%s: over the limit of %d nodes", part, Max)
		case lowText[0] == '0' && len(highText) < len(lowText), highText[0] == '0' && len(highText) > len(lowText):
			return nil, fmt.Errorf("%s: both ends need the same number of digits", part)
		}
		for n := low; n <= high; n += step {
			out = append(out, fmt.Sprintf("%0*d", pad(lowText), n))
		}
	}
	return out, nil
}

// pad is the width to which the numbers of a range are filled with zeros: that of a first number with a leading zero.
func pad(first string) int {
	if first[0] == '0' {
		return len(first)
	}
	return 1
}

func number(s string) (int, error) {
	if s == "" || len(s) > 9 || strings.Trim(s, "0123456789") != "" {
		return 0, fmt.Errorf("%.20q is not a number of up to 9 digits", s)
	}
	return strconv.Atoi(s)
}

// set keeps names once, in order.
type set struct {
	names []string
	has   map[string]bool
}

func newSet(names []string) set {
	return set{has: map[string]bool{}}.add(names)
}

func (s set) add(names []string) set {
	for _, n := range names {
		if !s.has[n] {
			s.has[n] = true
			s.names = append(s.names, n)
		}
	}
	return s
}

// apply adds names, takes them away or keeps what is in both.
func (s set) apply(op byte, names []string) set {
	if op == ',' {
		return s.add(names)
	}
	other := newSet(names)
	kept := set{has: map[string]bool{}}
	for _, n := range s.names {
		if other.has[n] == (op == '&') {
			kept.has[n] = true
			kept.names = append(kept.names, n)
		}
	}
	return kept
}
