package cron

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/resources"
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

// Environment is variables, NAME=value each.
type Environment []string

// variable is how a crontab sets one.
var variable = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$`)

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
		m := variable.FindStringSubmatch(pair)
		if m == nil || strings.ContainsAny(pair, "\n\r\x00") {
			return fmt.Errorf("%q: want NAME=value, one line", pair)
		}
		out[i] = m[1] + "=" + m[2] // as it is read from a crontab
	}
	*e = out
	return nil
}

// unit is one of the five parts of a time.
type unit struct {
	attr     string
	min, max int
	names    []string // of min, min+1...
}

var units = [5]unit{
	{attr: "minute", max: 59},
	{attr: "hour", max: 23},
	{attr: "monthday", min: 1, max: 31},
	{attr: "month", min: 1, max: 12, names: []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}},
	{attr: "weekday", max: 7, names: []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}},
}

// canonical is s with numbers for names, and "*" for absent. It is an error for what is no part of a time; "" is itself.
func (u unit) canonical(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if s == absent {
		return "*", nil
	}
	var parts []string
	for part := range strings.SplitSeq(s, ",") {
		p, err := u.part(strings.TrimSpace(part))
		if err != nil {
			return "", fmt.Errorf("%q: %w", s, err)
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, ","), nil
}

// part is one element of a list: *, a number, a range, each with a step or not.
func (u unit) part(s string) (string, error) {
	all, step, stepped := strings.Cut(s, "/")
	if stepped {
		n, err := strconv.Atoi(step)
		if err != nil || n < 1 || n > u.max {
			return "", fmt.Errorf("%q is no step", step)
		}
		step = "/" + strconv.Itoa(n)
	}
	if all == "*" {
		return all + step, nil
	}
	from, to, ranged := strings.Cut(all, "-")
	a, err := u.number(from)
	if err != nil || !ranged {
		return strconv.Itoa(a) + step, err
	}
	b, err := u.number(to)
	if err == nil && a > b {
		err = fmt.Errorf("the range %q ends before it begins", all)
	}
	return fmt.Sprintf("%d-%d%s", a, b, step), err
}

// number reads a number, or a name of three letters or more.
func (u unit) number(s string) (int, error) {
	if len(s) >= 3 {
		for i, name := range u.names {
			if strings.HasPrefix(name, strings.ToLower(s)) {
				return u.min + i, nil
			}
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < u.min || n > u.max || s[0] == '+' {
		return 0, fmt.Errorf("want %d to %d, got %q", u.min, u.max, s)
	}
	return n, nil
}

// canonical is the i-th part of the time of a line that is there; what this package cannot read is as it is.
func canonical(i int, s string) string {
	c, err := units[i].canonical(s)
	if err != nil {
		return s
	}
	return c
}
