// Package address is how resources and modules are named in manifests, on command lines and in reports.
package address

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Address names one resource of a catalog. It is a value: equal addresses are the same resource.
type Address struct {
	Module   string // "module.a" or "module.a.module.b[\"k\"]"; "" for the root module
	Type     string
	Title    string
	Instance string // "[\"key\"]" or "[0]" of an instance; "" without for_each and count
}

// String is the address as manifests and reports write it: service.glusterd, file["/etc/hosts"], module.m.file.conf["a"]; an address
// without a type is that of a whole module.
func (a Address) String() string {
	if a.Type == "" {
		return a.Module
	}
	var b strings.Builder
	if a.Module != "" {
		b.WriteString(a.Module)
		b.WriteByte('.')
	}
	b.WriteString(a.Type)
	if IsIdentifier(a.Title) {
		b.WriteByte('.')
		b.WriteString(a.Title)
	} else {
		b.WriteByte('[')
		b.WriteString(Quote(a.Title))
		b.WriteByte(']')
	}
	b.WriteString(a.Instance)
	return b.String()
}

// MarshalText makes addresses print as strings in JSON, as keys too.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a, err = Parse(string(text))
	return err
}

// IsIdentifier says whether s can stand after a dot in a manifest.
func IsIdentifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

// Quote writes s as a string literal of a manifest.
func Quote(s string) string {
	q := strconv.Quote(s)
	q = strings.ReplaceAll(q, "${", "$${")
	return strings.ReplaceAll(q, "%{", "%%{")
}

// Parse reads an address as String writes it. A module alone (module.m) gives an Address without a type.
func Parse(s string) (Address, error) {
	steps, err := split(s)
	if err != nil {
		return Address{}, err
	}
	var a Address
	for len(steps) >= 2 && steps[0] == "module" {
		if !IsIdentifier(steps[1]) {
			return Address{}, fmt.Errorf("want module.NAME, not module%s", steps[1])
		}
		n := 2
		for n < len(steps) && strings.HasPrefix(steps[n], "[") {
			n++
		}
		if a.Module != "" {
			a.Module += "."
		}
		a.Module += "module." + strings.Join(steps[1:n], "")
		steps = steps[n:]
	}
	switch {
	case len(steps) == 0 && a.Module != "":
		return a, nil
	case len(steps) < 2 || len(steps) > 3 || !IsIdentifier(steps[0]):
		return Address{}, fmt.Errorf("want TYPE.title, TYPE[\"title\"] or module.NAME")
	}
	a.Type, a.Title = steps[0], steps[1]
	if strings.HasPrefix(a.Title, "[") {
		if a.Title, err = unquote(a.Title); err != nil {
			return Address{}, err
		}
	}
	if len(steps) == 3 {
		if !strings.HasPrefix(steps[2], "[") {
			return Address{}, fmt.Errorf("want an instance in brackets after %s.%s", a.Type, a.Title)
		}
		a.Instance = steps[2]
	}
	return a, nil
}

// unquote reads ["title"].
func unquote(step string) (string, error) {
	if !utf8.ValidString(step) { // which would be read as another title
		return "", fmt.Errorf("want UTF-8 in %q; no manifest holds another title", step)
	}
	in := strings.NewReplacer("$${", "${", "%%{", "%{").Replace(step[1 : len(step)-1])
	title, err := strconv.Unquote(in)
	if err != nil || in[0] != '"' { // which reads Go's other literals as well
		return "", fmt.Errorf("want a quoted title in %s; a shell leaves the quotes in '...[%q]'", step, strings.Trim(in, "\"`'"))
	}
	return title, nil
}

// split cuts an address into names and bracketed parts.
func split(s string) ([]string, error) {
	var steps []string
	for len(s) > 0 {
		var end int
		switch {
		case s[0] == '[':
			if end = bracketEnd(s); end < 0 {
				return nil, fmt.Errorf("a bracket is not closed")
			}
		case len(steps) > 0 && s[0] != '.':
			return nil, fmt.Errorf("a dot is missing before %q", s)
		default:
			if len(steps) > 0 {
				s = s[1:]
			}
			if end = strings.IndexAny(s, ".["); end < 0 {
				end = len(s)
			}
			if !IsIdentifier(s[:end]) {
				return nil, fmt.Errorf("want TYPE.title, TYPE[\"title\"] or module.NAME; %q is no name", s[:end])
			}
		}
		steps, s = append(steps, s[:end]), s[end:]
	}
	return steps, nil
}

// bracketEnd returns the index behind the bracket that closes the one at the start of s, brackets in quotes passed over; -1 if none does.
func bracketEnd(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ']' && !quoted:
			return i + 1
		}
	}
	return -1
}
