package repo

import (
	"context"
	"fmt"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/flags"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/repo/repofile"
)

// format is that of the provider, by default of the node's own package manager.
func (r *Repo) format(v host.View) (repofile.Format, error) {
	name := r.Provider
	if name == "" {
		found, err := manager.Detect(v)
		if err != nil {
			return repofile.Format{}, err
		}
		if found == "apk" {
			return repofile.Format{}, &resources.AttrError{Attr: "provider", Err: fmt.Errorf("apk has no named repositories; manage /etc/apk/repositories as a file")}
		}
		name = found
	}
	f := repofile.Of(name)
	return f, r.supported(f)
}

// Check compares the section with what is declared.
func (r *Repo) Check(_ context.Context, v host.View) (resources.Diff, error) {
	f, err := r.format(v)
	if err != nil {
		return resources.Diff{}, err
	}
	e, err := f.Open(v, r.Name, r.Target)
	if err != nil {
		return resources.Diff{}, err
	}
	var d resources.Diff
	switch {
	case r.Ensure == absent && (e.There || e.Legacy != ""):
		d.Compare("ensure", present, absent)
	case r.Ensure == present && e.Legacy != "":
		d.Compare("ensure", "in one-line form in "+e.Legacy, present)
	case r.Ensure == present && !e.There:
		d.Compare("ensure", absent, present)
	}
	if r.Ensure == present && e.Twice {
		return d, fmt.Errorf("%s has more than one section [%s], and %s takes the last word of them all: make one of them", e.File, r.Name, f.Provider)
	}
	if r.Ensure == present {
		if err := r.complete(f, e); err != nil {
			return resources.Diff{}, err
		}
		for _, a := range r.declared() {
			from, there := e.Get(a.attr)
			to, wanted := f.Normal(a.attr, a.values), a.values[0] != absent
			if !there {
				from = absent
			}
			if !wanted {
				to = absent
			}
			if there != wanted || from != to {
				d.Changes = append(d.Changes, resources.Change{Attr: a.attr, From: from, To: to})
			}
		}
	}
	if f.Provider == "apt" {
		from, to, err := r.pins(v, e)
		if err != nil {
			return resources.Diff{}, err
		}
		d.Compare("pin", from, to)
	}
	if e.Exists && (d.Has("password") || d.Has("proxy_password")) && r.secret() {
		_, st, err := host.Resolve(v, e.File)
		if err != nil {
			return d, err
		}
		if st.Mode&0o044 != 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("%s has mode %04o, which it keeps: others can read the password in it", e.File, st.Mode))
		}
	}
	return d, r.changeable(v, e, d)
}

// changeable is an error where flags of chattr(1) forbid that d is removed.
func (r *Repo) changeable(v host.View, e *repofile.Entry, d resources.Diff) error {
	var names []string
	if r.edits(d) {
		names = append(names, e.File)
	}
	if r.edits(d) && e.Legacy != "" {
		names = append(names, e.Legacy)
	}
	if d.Has("pin") {
		names = append(names, r.pinFile())
	}
	for _, name := range names {
		target, _, err := host.Resolve(v, name)
		if err == nil {
			err = flags.Change(v, host.OpWrite, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// complete says what a new section lacks.
func (r *Repo) complete(f repofile.Format, e *repofile.Entry) error {
	if e.There {
		return nil
	}
	given := func(lists ...resources.Strings) bool {
		return slices.ContainsFunc(lists, func(l resources.Strings) bool { return len(l) > 0 && l[0] != "" && l[0] != absent })
	}
	need := func(attr string, given bool) error {
		if given {
			return nil
		}
		return &resources.AttrError{Attr: attr, Err: fmt.Errorf("is needed: %s has no repository %s yet", f.Provider, r.Name)}
	}
	if f.Provider == "apt" {
		if err := need("uris", given(r.Uris, r.Baseurl)); err != nil {
			return err
		}
		if err := need("suites", given(r.Suites)); err != nil {
			return err
		}
		return need("components", isFlat(r.Suites[0]) || given(r.Components))
	}
	return need("baseurl", given(r.Baseurl, resources.Strings{string(r.Mirrorlist)}, resources.Strings{string(r.Metalink)}))
}

// edits says whether d is of the section, and not of the pin alone.
func (r *Repo) edits(d resources.Diff) bool {
	return slices.ContainsFunc(d.Changes, func(c resources.Change) bool { return c.Attr != "pin" })
}
