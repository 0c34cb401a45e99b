package repo

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// format is that of the provider, by default of the node's own package manager.
func (r *Repo) format(v host.View) (format, error) {
	name := r.Provider
	if name == "" {
		found, err := manager.Detect(v)
		if err != nil {
			return format{}, err
		}
		if found == "apk" {
			return format{}, &resources.AttrError{Attr: "provider", Err: fmt.Errorf("apk has no named repositories; manage /etc/apk/repositories as a file")}
		}
		name = found
	}
	f := formatOf(name)
	return f, r.supported(f)
}

// Check compares the section with what is declared.
func (r *Repo) Check(_ context.Context, v host.View) (resources.Diff, error) {
	f, err := r.format(v)
	if err != nil {
		return resources.Diff{}, err
	}
	e, err := f.open(v, r)
	if err != nil {
		return resources.Diff{}, err
	}
	var d resources.Diff
	change := func(attr, from, to string) {
		d.Changes = append(d.Changes, resources.Change{Attr: attr, From: from, To: to})
	}
	switch {
	case r.Ensure == absent && (e.there || e.legacy != ""):
		change("ensure", present, absent)
	case r.Ensure == present && e.legacy != "":
		change("ensure", "in one-line form in "+e.legacy, present)
	case r.Ensure == present && !e.there:
		change("ensure", absent, present)
	}
	if r.Ensure == present {
		if err := r.complete(f, e); err != nil {
			return resources.Diff{}, err
		}
		for _, a := range r.declared() {
			k := f.keys[a.attr]
			have, ok := e.sec.get(k)
			from, to := absent, absent
			if ok {
				from = k.normal(have)
			}
			if a.values[0] != absent {
				to = k.normal(f.written(k, a.values))
			}
			if ok != (a.values[0] != absent) || from != to {
				change(a.attr, from, to)
			}
		}
	}
	if f.provider == "apt" {
		from, to, err := r.pins(v, e)
		if err != nil {
			return resources.Diff{}, err
		}
		if from != to {
			change("pin", from, to)
		}
	}
	return d, nil
}

// complete says what a new section lacks.
func (r *Repo) complete(f format, e *entry) error {
	if e.there {
		return nil
	}
	need := func(attr string, given bool) error {
		if given {
			return nil
		}
		return &resources.AttrError{Attr: attr, Err: fmt.Errorf("is needed: %s has no repository %s yet", f.provider, r.Name)}
	}
	if f.provider == "apt" {
		if err := need("uris", len(r.Uris)+len(r.Baseurl) > 0); err != nil {
			return err
		}
		if err := need("suites", len(r.Suites) > 0); err != nil {
			return err
		}
		flat := strings.HasSuffix(r.Suites[0], "/")
		return need("components", flat || len(r.Components) > 0)
	}
	return need("baseurl", len(r.Baseurl) > 0 || r.Mirrorlist != "" || r.Metalink != "")
}

// Apply edits the section, or removes it. What was fetched from the repository is dropped first: if the run ends in between, it is merely
// fetched once more.
func (r *Repo) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	f, err := r.format(h)
	if err != nil {
		return err
	}
	e, err := f.open(h, r)
	if err != nil {
		return err
	}
	if r.touches(d) {
		if err := f.dropFetched(ctx, h, r, e); err != nil {
			return err
		}
		if err := r.write(ctx, h, f, e); err != nil {
			return err
		}
		if e.legacy != "" {
			if err := h.Remove(ctx, e.legacy, false); err != nil {
				return err
			}
		}
	}
	if d.Has("pin") {
		return r.applyPin(ctx, h, e)
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

func (r *Repo) write(ctx context.Context, h host.Host, f format, e *entry) error {
	if r.Ensure == absent {
		if !e.there {
			return nil
		}
		text, last := e.drop()
		if last && e.file != f.main {
			return h.Remove(ctx, e.file, false)
		}
		return writeFile(ctx, h, e.file, text, nil)
	}
	r.edit(f, e)
	var mode *uint32
	if !e.exists {
		m := uint32(0o644)
		if r.secret() {
			m = 0o600
		}
		mode = &m
		if err := makeFolder(ctx, h, path.Dir(e.file)); err != nil {
			return err
		}
	}
	return writeFile(ctx, h, e.file, e.text(), mode)
}

// secret says whether the section holds a password.
func (r *Repo) secret() bool {
	given := func(s resources.Scalar) bool { return s != "" && s != absent }
	return given(r.Password) || given(r.ProxyPassword)
}

// edit sets the declared keys of the section that differ.
func (r *Repo) edit(f format, e *entry) {
	if f.provider == "apt" && !e.there && len(r.Types) == 0 {
		e.sec.set(f.keys["types"], []string{"deb"})
	}
	for _, a := range r.declared() {
		k := f.keys[a.attr]
		have, ok := e.sec.get(k)
		if a.values[0] == absent {
			e.sec.remove(k)
			continue
		}
		want := f.written(k, a.values)
		if !ok || k.normal(have) != k.normal(want) {
			e.sec.set(k, want)
		}
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
