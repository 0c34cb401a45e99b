package repo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/repo/preferences"
)

var _ resources.Lister = (*Repo)(nil)

// List returns the repositories whose names match: the sections of the manager's files, or the paragraphs of apt's .sources that have a name.
func (r *Repo) List(_ context.Context, v host.View, of string) ([]string, error) {
	f, err := (&Repo{Name: "any", Provider: r.Provider}).format(v)
	if err != nil {
		return nil, err
	}
	names, err := f.Names(v)
	if err != nil {
		return nil, err
	}
	if f.Provider == "apt" {
		names = slices.DeleteFunc(names, func(name string) bool { return !aptName.MatchString(name) })
	}
	return resources.Select(of, names), nil
}

// Inspect fills the attributes that the section has, apart from passwords, which are not for a manifest in the clear.
func (r *Repo) Inspect(_ context.Context, v host.View) error {
	f, err := r.format(v)
	if err != nil {
		return err
	}
	e, err := f.Open(v, r.Name, r.Target)
	if err != nil {
		return err
	}
	if e.Legacy != "" {
		return fmt.Errorf("%s is in one-line form in %s, which is replaced by NAME.sources and not described", r.Name, e.Legacy)
	}
	if !e.There {
		r.Ensure = absent
		return nil
	}
	r.Ensure = present
	for _, a := range r.attrs() {
		if !f.Has(a.name) || a.name == "baseurl" && f.Provider == "apt" || strings.HasSuffix(a.name, "password") {
			continue
		}
		value, ok := e.Attribute(a.name)
		if !ok {
			continue
		}
		switch field := a.value.(type) {
		case *resources.Scalar:
			*field = resources.Scalar(value)
		case *resources.Strings:
			*field = strings.Fields(value)
		}
	}
	if f.Provider != "apt" {
		return nil
	}
	text, err := host.ReadFile(v, r.pinFile())
	if err != nil {
		return err
	}
	r.Pin = preferences.Parse(text, r.origin(e))
	return nil
}
