// Package factfile parses what external facts are written in: JSON, YAML and lines of key=value.
//
// What it reads is data from anywhere: it is bounded in size, depth and number of values, a key that comes twice is an error, and nothing is evaluated. Keys
// are in the form that the language gives its strings, NFC. Values are nil, bool, int64, float64, json.Number (whole numbers that do not fit in int64),
// string, []any and map[string]any.
package factfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The bounds of one file.
const (
	MaxBytes  = 1 << 20
	maxDepth  = 64
	maxValues = 100_000 // with what YAML's aliases repeat
)

// Format is what a file is written in.
type Format uint8

// The formats. Output is that of an executable, which may be any of the others: it is found out.
const (
	JSON Format = iota
	YAML
	Text
	Output
)

// FormatOf returns the format that the name of a file tells; false for any other name.
func FormatOf(name string) (Format, bool) {
	switch {
	case strings.HasSuffix(name, ".json"):
		return JSON, true
	case strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"):
		return YAML, true
	case strings.HasSuffix(name, ".txt"):
		return Text, true
	}
	return Output, false
}

var (
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*[ \t]*=`)
	bom        = []byte("\ufeff")
)

// Parse returns the facts in b by their names as they are written there. Empty input has none.
func Parse(f Format, b []byte) (map[string]any, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("larger than the limit of %d bytes", MaxBytes)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("not UTF-8")
	}
	b = bytes.TrimPrefix(b, bom)
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, nil
	}
	if f == Output {
		f = guess(b)
	}
	switch f {
	case JSON:
		v, err := ParseJSON(b)
		return object(v, err)
	case Text:
		return parseText(string(b))
	}
	v, err := parseYAML(b)
	return object(v, err)
}

// guess tells by the first line that says something.
func guess(b []byte) Format {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || line[0] == '#':
		case line[0] == '{':
			return JSON
		case assignment.Match(line):
			return Text
		default:
			return YAML
		}
	}
	return YAML
}

func object(v any, err error) (map[string]any, error) {
	if err != nil || v == nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("want an object of facts by name")
	}
	return m, nil
}

// parseText reads lines of key=value; values are strings. Empty lines and those that begin with # say nothing.
func parseText(s string) (map[string]any, error) {
	all := map[string]any{}
	n := 0
	for line := range strings.Lines(s) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, fmt.Errorf("line %d: want key=value", n)
		}
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("line %d: %q is there twice", n, key)
		}
		if len(all) == maxValues {
			return nil, errTooMany
		}
		all[key] = strings.TrimSpace(value)
	}
	return all, nil
}

var (
	errTooDeep = fmt.Errorf("deeper than the limit of %d levels", maxDepth)
	errTooMany = fmt.Errorf("more than the limit of %d values", maxValues)
)

// budget bounds what is made of one input.
type budget struct{ values int }

// spend accounts for one value at that depth.
func (b *budget) spend(depth int) error {
	b.values++
	switch {
	case depth > maxDepth:
		return errTooDeep
	case b.values > maxValues:
		return errTooMany
	}
	return nil
}
