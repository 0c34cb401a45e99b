package conflict

import (
	"context"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog/conflict/internal/above"
	"github.com/nodeapply/apply/resources"
)

// owned asks whose the paths are that the resources touch and need, the folders above them, and the units.
func (f *finder) owned(ctx context.Context, installed Packages, units []string) error {
	if len(f.packages)+len(units) == 0 || installed == nil {
		return nil
	}
	for v := range f.entries {
		for _, t := range f.touches[v] {
			for name := range above.Of(t.Path) {
				f.files[merged(name)] = nil
			}
		}
		for _, name := range f.needs[v] {
			f.files[merged(name)] = nil
		}
	}
	for _, name := range units {
		f.files[merged(name)] = nil
	}
	return installed(ctx, func(p *Package, name string) {
		name = merged(name)
		owners, ok := f.files[name]
		if ok && !slices.Contains(owners, p) {
			f.files[name] = append(owners, p)
		}
	})
}

// merged is a path as a node has it whose /bin, /sbin and /lib are those of /usr: databases, and manifests, have the one name or the other.
func merged(name string) string {
	rest, ok := strings.CutPrefix(name, "/usr/")
	if !ok {
		return name
	}
	switch top, _, _ := strings.Cut(rest, "/"); top {
	case "bin", "sbin", "lib", "lib32", "lib64":
		return "/" + rest
	}
	return name
}

// place is where a path is that packages of one source have brought.
type place struct {
	folder   string // of the package, "" if the path itself belongs to it
	owner    string // a package
	declared []int  // who declares it
}

// place finds the package that has a path or, where none has, the folder nearest above it. A folder of packages of several sources is nobody's, and what
// every node has is not brought.
func (f *finder) place(name string) (place, bool) {
	for folder := range above.Of(name) {
		owners := f.files[merged(folder)]
		if len(owners) == 0 {
			continue
		}
		p := place{}
		if folder != name {
			p.folder = folder
		}
		for _, o := range owners {
			if o.Essential || o.Source != owners[0].Source || strings.Count(folder, "/") < 2 {
				return place{}, false
			}
			if by := f.declaring(o); len(by) > 0 {
				p.owner, p.declared = o.Name, append(p.declared, by...)
			}
		}
		return p, len(p.declared) > 0
	}
	return place{}, false
}

// declaring lists who declares a package, or the one that it is a part of: nginx-common, built from the source of nginx, comes with nginx.
func (f *finder) declaring(o *Package) []int {
	for _, name := range []string{o.Name, o.Name + ":" + o.Arch, o.Name + "." + o.Arch} {
		if by := f.packages[name]; len(by) > 0 {
			return by
		}
	}
	for i := strings.LastIndexByte(o.Name, '-'); i > 0; i = strings.LastIndexByte(o.Name[:i], '-') {
		whole := o.Name[:i]
		if by := f.packages[whole]; len(by) > 0 && (whole == o.Source || strings.HasPrefix(whole, o.Source+"-")) {
			return by
		}
	}
	return nil
}

// packaged keeps that v touches or needs what a package brings or removes.
func (f *finder) packaged(v int, at place, does string, t *resources.Touch) {
	p := pair{summary: noOrder, to: v, does: does, path: t.Path, with: "a file of " + at.owner + ", which %s "}
	if t.How == resources.Mounts {
		p.attr = "before"
	}
	if at.folder != "" {
		p.with = "in the folder " + at.folder + " of " + at.owner + ", which %s "
	}
	for _, w := range at.declared {
		if !f.isAbsent(w) && w != v {
			p.from = append(p.from, w)
		}
	}
	switch {
	case len(p.from) > 0:
		p.with += "installs"
	case at.folder != "" || slices.Contains(at.declared, v):
		return
	case does == "needs":
		if f.runs(v) {
			p.summary, p.from, p.with = "needs what is removed", at.declared[:1], p.with+"removes"
			p.advice = "Only one of them can be what the node should have: change one of the two."
			f.undo(p)
		}
		return
	case t.How == resources.Removes:
		return
	default:
		p.from, p.with = at.declared, p.with+"removes"
	}
	f.pairs = append(f.pairs, p)
}

// runs says whether v is a unit that is to run.
func (f *finder) runs(v int) bool {
	r, ok := f.entries[v].Resource.(resources.Identified)
	return ok && !f.isAbsent(v) && slices.ContainsFunc(r.Provides(), func(id resources.Identity) bool { return id.Kind == "unit" })
}
