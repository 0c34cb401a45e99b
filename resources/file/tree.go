package file

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/below"
	"github.com/nodeapply/apply/resources/file/internal/label"
	"github.com/nodeapply/apply/resources/file/internal/tree"
	"github.com/nodeapply/apply/resources/file/internal/want"
)

var _ resources.Surveyor = (*File)(nil)

// Covers is the folder whose tree is walked.
func (f *File) Covers() string {
	if !f.Recurse || f.ensure() == want.Absent {
		return ""
	}
	return path.Clean(f.Path)
}

// Survey takes the paths that other resources manage: a tree leaves them alone.
func (f *File) Survey(declared func() resources.Declared) { f.managed = declared }

// walks says whether something of what is in the folder w is managed too.
func (f *File) walks(w *want.Thing, from string) bool {
	if !f.Recurse || w.Ensure == want.Absent || f.RecurseLimit != nil && *f.RecurseLimit == 0 {
		return false
	}
	return from != "" || f.changes(w)
}

// changes says whether what is in the folder w and not in the source is touched.
func (f *File) changes(w *want.Thing) bool {
	return f.Purge || w.Mode != "" || w.Owner.UID != nil || w.Owner.GID != nil || w.Label != label.Label{}
}

// below is all that is in the folder w as f declares it.
func (f *File) below(w *want.Thing, from string) *below.Folder {
	ending, copies := f.Backup.Ending()
	b := &below.Folder{Root: w, From: from, Walk: tree.Walk{
		Limit: f.RecurseLimit, Follow: f.Links == follow, Purge: f.Purge, Force: f.Force,
		Managed: f.managedBy, Kept: f.kept,
		Backup: func(base string) bool { return copies && strings.HasSuffix(base, ending) },
	}}
	if len(f.Ignore) > 0 {
		b.Walk.Ignores = f.ignores
	}
	if f.managed != nil && f.managed().Unknown != "" && f.changes(w) {
		b.Spare = f.spare
	}
	return b
}

// spare says what of the folder was spared, n names, and why.
func (f *File) spare(first string, n int, d *resources.Diff) {
	declared := f.managed()
	if declared.After == "" {
		d.Notes = append(d.Notes, fmt.Sprintf("%s, and what else nobody is known to manage, is left as it is: it is not known what %s declares", path.Join(f.Path, first), declared.Unknown))
		return
	}
	attr := "recurse"
	if f.Purge {
		attr = "purge"
	}
	if n > 1 {
		first += fmt.Sprintf(" and %d more", n-1)
	}
	d.Changes = append(d.Changes, resources.Change{Attr: attr, From: first, To: "(known after " + declared.After + ")", Late: true})
}

// managedBy says whether another resource manages name, or something below it.
func (f *File) managedBy(name string) (itself, below bool) {
	if f.managed == nil {
		return false, false
	}
	declared := f.managed()
	for _, paths := range [][]string{declared.Paths, declared.Late} {
		if _, itself = slices.BinarySearch(paths, name); itself {
			return true, false
		}
	}
	for _, paths := range [][]string{declared.Paths, declared.Late, declared.Parts} {
		i, _ := slices.BinarySearch(paths, name+"/")
		below = below || i < len(paths) && strings.HasPrefix(paths[i], name+"/")
	}
	return false, below
}

// kept says whether another resource makes name, or keeps a part of it.
func (f *File) kept(name string) bool {
	if f.managed == nil {
		return false
	}
	_, found := slices.BinarySearch(f.managed().Parts, name)
	return found
}

// ignores says whether a name matches one of the patterns of ignore.
func (f *File) ignores(name string) bool {
	return slices.ContainsFunc(f.Ignore, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}
