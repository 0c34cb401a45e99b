package crontab

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// variable is how a crontab sets one.
var variable = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$`)

// Variable returns a line that sets a variable in its shortest form, NAME=value; false for what is no such line. An empty value is NAME="": cron
// takes it no other way.
func Variable(body string) (string, bool) {
	m := variable.FindStringSubmatch(body)
	if m == nil {
		return "", false
	}
	if m[2] == "" {
		m[2] = `""`
	}
	return m[1] + "=" + m[2], true
}

// Part is one of the parts of a time, in the order in which a line has them.
type Part int

// The parts.
const (
	Minute Part = iota
	Hour
	MonthDay
	Month
	Weekday
	NumParts
)

// String is "minute", "hour", "monthday", "month" or "weekday".
func (p Part) String() string { return units[p].name }

// Canonical is s with numbers for names, an error for what is no such part of a time.
func (p Part) Canonical(s string) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(s, ",") {
		c, err := units[p].part(strings.TrimSpace(part))
		if err != nil {
			return "", fmt.Errorf("%q: %w", s, err)
		}
		parts = append(parts, c)
	}
	return strings.Join(parts, ","), nil
}

// Normal is Canonical, and s itself where this package cannot read it.
func (p Part) Normal(s string) string {
	c, err := p.Canonical(s)
	if err != nil {
		return s
	}
	return c
}

// unit is what a part counts.
type unit struct {
	name     string
	min, max int
	names    []string // of min, min+1...
}

var units = [NumParts]unit{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "monthday", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}},
	{name: "weekday", max: 7, names: []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}},
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
	if from == "" { // a negative number
		from = all
	}
	a, err := u.number(from)
	switch {
	case err == nil && !ranged && stepped:
		return "", fmt.Errorf("%q: a step is of * or of a range: %d-%d%s", s, a, u.max, step)
	case err != nil || !ranged:
		return strconv.Itoa(a), err
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
