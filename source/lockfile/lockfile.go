// Package lockfile is the form of apply.lock.hcl, which says at which commit the modules from git are used.
package lockfile

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Name is that of the file, beside the root module, that holds a Lock.
const Name = "apply.lock.hcl"

// Pin is what a reference stood for when it was pinned: two times 40 hexadecimal digits.
type Pin struct {
	Commit string
	Tree   string
}

// Lock pins the sources of modules, by what Key of a source.Source gives: git::URL?ref=REF.
type Lock map[string]Pin

// Format returns the lock as HCL, sorted.
func (l Lock) Format() []byte {
	var b strings.Builder
	b.WriteString("# Made by `apply lock`, which also updates it.\n")
	for _, key := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(&b, "\nmodule %s {\n  commit = %q\n  tree   = %q\n}\n", quote(key), l[key].Commit, l[key].Tree)
	}
	return []byte(b.String())
}

// quote is strconv.Quote with what HCL would take for a template escaped.
func quote(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}

// Parse reads what Format writes, and nothing else of HCL: comments, empty lines and blocks
//
//	module "KEY" {
//	  commit = "..."
//	  tree   = "..."
//	}
//
// one thing a line. Errors begin with name:LINE.
func Parse(name string, text []byte) (Lock, error) {
	l := Lock{}
	key, pin, inside := "", Pin{}, false
	number := 0
	fail := func(format string, args ...any) (Lock, error) {
		return nil, fmt.Errorf("%s:%d: %w", name, number, fmt.Errorf(format, args...))
	}
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !inside:
			quoted, opens := strings.CutSuffix(strings.TrimPrefix(line, "module "), " {")
			unquoted, err := unquote(quoted)
			if !strings.HasPrefix(line, "module ") || !opens || err != nil {
				return fail("not of the form: module \"SOURCE\" {")
			}
			if _, twice := l[unquoted]; twice {
				return fail("module %q: pinned twice", unquoted)
			}
			key, pin, inside = unquoted, Pin{}, true
		case line == "}":
			if pin.Commit == "" || pin.Tree == "" {
				return fail("module %q: without commit or tree", key)
			}
			l[key], inside = pin, false
		default:
			if err := pin.set(line); err != nil {
				return fail("%w", err)
			}
		}
	}
	if inside {
		return fail("module %q: its block does not end", key)
	}
	return l, nil
}

func unquote(s string) (string, error) {
	s, err := strconv.Unquote(s)
	return strings.NewReplacer("$${", "${", "%%{", "%{").Replace(s), err
}

// set takes one line: attribute = "40 digits".
func (p *Pin) set(line string) error {
	attribute, quoted, _ := strings.Cut(line, "=")
	field := map[string]*string{"commit": &p.Commit, "tree": &p.Tree}[strings.TrimSpace(attribute)]
	if field == nil {
		return fmt.Errorf("not an attribute of a pin (commit, tree): %s", line)
	}
	if *field != "" {
		return fmt.Errorf("%s is there twice", strings.TrimSpace(attribute))
	}
	digits, err := strconv.Unquote(strings.TrimSpace(quoted))
	if raw, e := hex.DecodeString(digits); err != nil || e != nil || len(raw) != 20 {
		return fmt.Errorf("%s: not 40 hexadecimal digits", strings.TrimSpace(attribute))
	}
	*field = strings.ToLower(digits)
	return nil
}
