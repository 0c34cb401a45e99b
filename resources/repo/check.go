package repo

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

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
	return d, r.changeable(v, e, d)
}

// changeable is an error where flags of chattr(1) forbid that d is removed.
func (r *Repo) changeable(v host.View, e *repofile.Entry, d resources.Diff) error {
	var names []string
	if r.touches(d) {
		names = append(names, e.File)
	}
	if r.touches(d) && e.Legacy != "" {
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

// Apply edits the section, or removes it. What was fetched from the repository is dropped first: if the run ends in between, it is merely
// fetched once more.
func (r *Repo) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	f, err := r.format(h)
	if err != nil {
		return err
	}
	e, err := f.Open(h, r.Name, r.Target)
	if err != nil {
		return err
	}
	for again := r.touches(d); again; {
		if err := r.replace(ctx, h, f, e); err != nil {
			return err
		}
		if e, err = f.Open(h, r.Name, r.Target); err != nil {
			return err
		}
		again = r.Ensure == absent && e.There // apt takes several of one name, in one file or in several
	}
	if d.Has("pin") {
		return r.applyPin(ctx, h, e)
	}
	return nil
}

// replace puts the section as declared, or nothing, in the place of what there is.
func (r *Repo) replace(ctx context.Context, h host.Host, f repofile.Format, e *repofile.Entry) error {
	if err := r.drop(ctx, h, e); err != nil {
		return err
	}
	if r.Ensure == present {
		r.edit(f, e)
		if err := r.drop(ctx, h, e); err != nil {
			return err
		}
	}
	if err := r.write(ctx, h, e); err != nil || e.Legacy == "" {
		return err
	}
	return h.Remove(ctx, e.Legacy, false)
}

// drop removes what was fetched from the repository as e describes it now.
func (r *Repo) drop(ctx context.Context, h host.Host, e *repofile.Entry) error {
	names, err := e.Fetched(h)
	if err != nil {
		return err
	}
	for _, name := range names {
		st, err := h.Lstat(name)
		if err != nil {
			return err
		}
		if st.Kind == host.Absent {
			continue
		}
		if err := h.Remove(ctx, name, true); err != nil {
			return err
		}
	}
	return nil
}

// touches says whether d is of more than the pin.
func (r *Repo) touches(d resources.Diff) bool {
	for _, c := range d.Changes {
		if c.Attr != "pin" {
			return true
		}
	}
	return false
}

func (r *Repo) write(ctx context.Context, h host.Host, e *repofile.Entry) error {
	if r.Ensure == absent {
		if !e.There {
			return nil
		}
		text, last := e.Drop()
		if last {
			return h.Remove(ctx, e.File, false)
		}
		return writeFile(ctx, h, e.File, text, nil)
	}
	var mode *uint32
	if !e.Exists {
		m := uint32(0o644)
		if r.secret() {
			m = 0o600
		}
		mode = &m
		if err := makeFolder(ctx, h, path.Dir(e.File)); err != nil {
			return err
		}
	}
	return writeFile(ctx, h, e.File, e.String(), mode)
}

// secret says whether the section holds a password.
func (r *Repo) secret() bool {
	given := func(s resources.Scalar) bool { return s != "" && s != absent }
	return given(r.Password) || given(r.ProxyPassword)
}

// edit sets the declared keys of the section.
func (r *Repo) edit(f repofile.Format, e *repofile.Entry) {
	if f.Provider == "apt" && !e.There && len(r.Types) == 0 {
		e.Set("types", []string{"deb"})
	}
	for _, a := range r.declared() {
		if a.values[0] == absent {
			e.Remove(a.attr)
			continue
		}
		e.Set(a.attr, a.values)
	}
}

func writeFile(ctx context.Context, h host.Host, name, text string, mode *uint32) error {
	target, _, err := host.Resolve(h, name)
	if err != nil {
		return err
	}
	return h.WriteFile(ctx, target, host.NewFile{Content: strings.NewReader(text), Meta: host.Meta{Mode: mode}})
}

// makeFolder makes the folder of a new file, if it is not there, as the managers' packages do.
func makeFolder(ctx context.Context, h host.Host, name string) error {
	st, err := h.Lstat(name)
	if err != nil || st.Kind != host.Absent {
		return err
	}
	if err := makeFolder(ctx, h, path.Dir(name)); err != nil {
		return err
	}
	mode := uint32(0o755)
	return h.Mkdir(ctx, name, host.Meta{Mode: &mode})
}
