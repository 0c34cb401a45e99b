package repo

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/repo/deb822"
)

const preferences = "/etc/apt/preferences.d"

var number = regexp.MustCompile(`^-?[0-9]+$`)

// Pin is a rule of apt_preferences(5).
type Pin struct {
	Packages string // default "*"
	Pin      string // "origin \"host\"", "release a=stable"; "" for the repository's own host
	Priority string // "absent": no rule
}

var pinKinds = [...]string{"origin", "release", "version"}

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
		case slices.Contains(pinKinds[:], key) && p.Pin == "":
			p.Pin = key + " " + text
			if key == "origin" {
				p.Pin = quoted(text)
			}
		default:
			return fmt.Errorf("%s: want priority, packages, and one of %s", key, strings.Join(pinKinds[:], ", "))
		}
	}
	if p.Priority != absent && !number.MatchString(p.Priority) {
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

func (r *Repo) pinFile() string { return path.Join(preferences, r.Name+".pref") }

// pins are the rule that is there and the rule that is declared, as one line; "absent" for none. They are equal where none is managed.
func (r *Repo) pins(v host.View, e *entry) (from, to string, err error) {
	if r.Pin == nil && r.Ensure == present {
		return "", "", nil
	}
	from, to = absent, absent
	text, err := manager.ReadFile(v, r.pinFile())
	if err != nil {
		return "", "", err
	}
	if stanzas := deb822.Parse(text).Stanzas(); len(stanzas) > 0 {
		from = pinLine(stanzas[0])
	}
	if r.Ensure == present && r.Pin.Priority != absent {
		to = pinLine(r.rule(e, deb822.Parse("").Add()))
	}
	return from, to, nil
}

func pinLine(s *deb822.Stanza) string {
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

// pinned is the rule that is there, nil if there is none that a manifest could declare.
func (r *Repo) pinned(v host.View, e *entry) (*Pin, error) {
	text, err := manager.ReadFile(v, r.pinFile())
	if err != nil {
		return nil, err
	}
	stanzas := deb822.Parse(text).Stanzas()
	if len(stanzas) == 0 {
		return nil, nil
	}
	get := func(key string) string { value, _ := stanzas[0].Get(key); return value }
	p := &Pin{Packages: get("Package"), Pin: get("Pin"), Priority: get("Pin-Priority")}
	kind, value, _ := strings.Cut(p.Pin, " ")
	if !slices.Contains(pinKinds[:], kind) || !number.MatchString(p.Priority) || strings.Contains(p.Packages+value, "\n") {
		return nil, nil
	}
	if kind == "origin" {
		if p.Pin = quoted(value); p.Pin == quoted(r.origin(e)) {
			p.Pin = ""
		}
	}
	return p, nil
}

// rule writes the pin into s.
func (r *Repo) rule(e *entry, s *deb822.Stanza) *deb822.Stanza {
	pin := r.Pin.Pin
	if pin == "" {
		pin = quoted(r.origin(e))
	}
	s.Set("Package", r.Pin.Packages)
	s.Set("Pin", pin)
	s.Set("Pin-Priority", r.Pin.Priority)
	return s
}

// origin is the host of the first URI: what apt calls the origin of a repository; "" for local files.
func (r *Repo) origin(e *entry) string {
	uris := append(append([]string{}, r.Uris...), r.Baseurl...)
	if len(uris) == 0 {
		have, _ := e.sec.get(aptKeys["uris"])
		uris = strings.Fields(strings.Join(have, " "))
	}
	if len(uris) == 0 {
		return ""
	}
	u, err := url.Parse(uris[0])
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (r *Repo) applyPin(ctx context.Context, h host.Host, e *entry) error {
	if r.Ensure == absent || r.Pin.Priority == absent {
		return h.Remove(ctx, r.pinFile(), false)
	}
	text, err := manager.ReadFile(h, r.pinFile())
	if err != nil {
		return err
	}
	doc := deb822.Parse(text)
	if stanzas := doc.Stanzas(); len(stanzas) > 0 {
		r.rule(e, stanzas[0])
	} else {
		r.rule(e, doc.Add())
	}
	if err := makeFolder(ctx, h, preferences); err != nil {
		return err
	}
	return writeFile(ctx, h, r.pinFile(), doc.String(), nil)
}
