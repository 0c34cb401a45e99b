// Package preferences edits the first rule of a file of apt_preferences(5), and keeps every byte of what else is in it.
package preferences

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/repo/deb822"
)

// Absent is the priority of a rule that is not to be there, and what Line says where there is none.
const Absent = "absent"

var number = regexp.MustCompile(`^-?[0-9]+$`)

// Pin is a rule of apt_preferences(5).
type Pin struct {
	Packages string // default "*"
	Pin      string // "origin \"host\"", "release a=stable"; "" for the repository's own host
	Priority string // or Absent
}

// kinds are the words that a Pin starts with.
var kinds = [...]string{"origin", "release", "version"}

// UnmarshalAttr accepts a priority, or a map with priority and one of origin, release and version, and packages.
func (p *Pin) UnmarshalAttr(v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		m = map[string]any{"priority": v}
	}
	*p = Pin{Packages: "*"}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		var value resources.Scalar
		if err := value.UnmarshalAttr(m[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		text := string(value)
		switch {
		case key == "priority":
			p.Priority = text
		case key == "packages":
			p.Packages = text
		case slices.Contains(kinds[:], key) && p.Pin == "":
			p.Pin = key + " " + text
			if key == "origin" {
				p.Pin = quoted(text)
			}
		default:
			return fmt.Errorf("%s: want priority, packages, and one of %s", key, strings.Join(kinds[:], ", "))
		}
	}
	if p.Priority != Absent && !number.MatchString(p.Priority) {
		return fmt.Errorf("want a whole number as priority, not %q", p.Priority)
	}
	return nil
}

// MarshalAttr returns the priority of a rule for all packages of the repository's own host, else the map.
func (p *Pin) MarshalAttr() any {
	if p.Packages == "*" && p.Pin == "" {
		return p.Priority
	}
	m := map[string]any{"priority": p.Priority}
	if p.Packages != "*" {
		m["packages"] = p.Packages
	}
	if kind, value, ok := strings.Cut(p.Pin, " "); ok {
		m[kind] = strings.Trim(value, `"`)
	}
	return m
}

// Line is the rule in one line, for packages of the repositories at host where the pin does not say of which.
func (p *Pin) Line(host string) string {
	return line(p.write(host, deb822.Parse("").Add()))
}

// Line is the first rule of a file's text in one line, Absent if there is none.
func Line(text string) string {
	if stanzas := deb822.Parse(text).Stanzas(); len(stanzas) > 0 {
		return line(stanzas[0])
	}
	return Absent
}

func line(s *deb822.Stanza) string {
	packages, _ := s.Get("Package")
	pin, _ := s.Get("Pin")
	priority, _ := s.Get("Pin-Priority")
	if origin, ok := strings.CutPrefix(pin, "origin "); ok {
		pin = quoted(origin)
	}
	return strings.Join([]string{packages, pin, priority}, "; ")
}

// quoted is the pin of an origin, which apt takes with and without quotes.
func quoted(origin string) string {
	return `origin "` + strings.Trim(strings.TrimSpace(origin), `"`) + `"`
}

// Parse returns the first rule of a file's text, nil if there is none that a manifest could declare. What is said of host is not spelt out.
func Parse(text, host string) *Pin {
	stanzas := deb822.Parse(text).Stanzas()
	if len(stanzas) == 0 {
		return nil
	}
	get := func(key string) string { value, _ := stanzas[0].Get(key); return value }
	p := &Pin{Packages: get("Package"), Pin: get("Pin"), Priority: get("Pin-Priority")}
	kind, value, _ := strings.Cut(p.Pin, " ")
	if !slices.Contains(kinds[:], kind) || !number.MatchString(p.Priority) || strings.Contains(p.Packages+value, "\n") {
		return nil
	}
	if kind == "origin" {
		if p.Pin = quoted(value); p.Pin == quoted(host) {
			p.Pin = ""
		}
	}
	return p
}

// Edit returns a file's text with the pin as its first rule.
func (p *Pin) Edit(text, host string) string {
	doc := deb822.Parse(text)
	if stanzas := doc.Stanzas(); len(stanzas) > 0 {
		p.write(host, stanzas[0])
	} else {
		p.write(host, doc.Add())
	}
	return doc.String()
}

func (p *Pin) write(host string, s *deb822.Stanza) *deb822.Stanza {
	pin := p.Pin
	if pin == "" {
		pin = quoted(host)
	}
	s.Set("Package", p.Packages)
	s.Set("Pin", pin)
	s.Set("Pin-Priority", p.Priority)
	return s
}
