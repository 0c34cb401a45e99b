package repo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/repo/deb822"
	"github.com/nodeapply/apply/resources/repo/ini"
	"github.com/nodeapply/apply/resources/repo/preferences"
)

var _ resources.Lister = (*Repo)(nil)

// List returns the repositories whose names match: the sections of the manager's files, or the paragraphs of apt's .sources that have a name.
func (r *Repo) List(_ context.Context, v host.View, of string) ([]string, error) {
	f, err := (&Repo{Name: "any", Provider: r.Provider}).format(v)
	if err != nil {
		return nil, err
	}
	var names []string
	if f.provider == "apt" {
		files, err := readDir(v, f.folder, f.ext)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := host.ReadFile(v, file)
			if err != nil {
				return nil, err
			}
			for _, name := range f.names(file, deb822.Parse(text).Stanzas()) {
				if aptName.MatchString(name) && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		return resources.Select(of, names), nil
	}
	files, err := f.files(v, r)
	if err != nil {
		return nil, err
	}
	style := ini.Yum
	if f.main != "" {
		style = ini.Pacman
	}
	for _, file := range files {
		text, err := host.ReadFile(v, file)
		if err != nil {
			return nil, err
		}
		for _, name := range ini.Parse(style, text).Names() {
			if name != "options" && !slices.Contains(names, name) { // of pacman itself
				names = append(names, name)
			}
		}
	}
	return resources.Select(of, names), nil
}

// Inspect fills the attributes that the section has, apart from passwords, which are not for a manifest in the clear.
func (r *Repo) Inspect(_ context.Context, v host.View) error {
	f, err := r.format(v)
	if err != nil {
		return err
	}
	e, err := f.open(v, r)
	if err != nil {
		return err
	}
	if e.legacy != "" {
		return fmt.Errorf("%s is in one-line form in %s, which is replaced by NAME.sources and not described", r.Name, e.legacy)
	}
	if !e.there {
		r.Ensure = absent
		return nil
	}
	r.Ensure = present
	for _, a := range r.attrs() {
		k, ok := f.keys[a.name]
		if !ok || a.name == "baseurl" && f.provider == "apt" || strings.HasSuffix(a.name, "password") {
			continue
		}
		have, ok := e.sec.get(k)
		if !ok {
			continue
		}
		value := k.normal(have)
		if k.kind == scalar && strings.Contains(value, "\n") { // a manifest has no value of several lines
			continue
		}
		if k.kind == siglevel {
			value = map[string]string{"Required DatabaseOptional": "true", "Never": "false"}[value]
		} else if k.kind == boolean {
			value = map[string]string{"0": "false", "1": "true"}[value]
		}
		switch field := a.value.(type) {
		case *resources.Scalar:
			*field = resources.Scalar(value)
		case *resources.Strings:
			*field = strings.Fields(value)
		}
	}
	if f.provider != "apt" {
		return nil
	}
	text, err := host.ReadFile(v, r.pinFile())
	if err != nil {
		return err
	}
	r.Pin = preferences.Parse(text, r.origin(e))
	return nil
}
