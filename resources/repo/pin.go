package repo

import (
	"context"
	"net/url"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/repo/deb822"
)

const preferences = "/etc/apt/preferences.d"

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
	return strings.Join([]string{packages, pin, priority}, "; ")
}

// rule writes the pin into s.
func (r *Repo) rule(e *entry, s *deb822.Stanza) *deb822.Stanza {
	pin := r.Pin.Pin
	if pin == "" {
		pin = `origin "` + r.origin(e) + `"`
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
