package repo

import (
	"context"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/repo/repofile"
)

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
	for again := r.edits(d); again; {
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
		mode = new(uint32(0o644))
		if r.secret() {
			*mode = 0o600
		}
		if err := host.MakeFolders(ctx, h, path.Dir(e.File)); err != nil {
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
