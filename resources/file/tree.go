package file

import (
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

// Survey takes the paths that other resources manage: a tree leaves them alone.
func (f *File) Survey(paths func() []string) { f.managed = paths }

// walks says whether something of what is in the folder w is managed too.
func (f *File) walks(w *want.Thing, from string) bool {
	if !f.Recurse || w.Ensure == want.Absent || f.RecurseLimit != nil && *f.RecurseLimit == 0 {
		return false
	}
	return from != "" || f.Purge || w.Mode != "" || w.Owner.UID != nil || w.Owner.GID != nil || w.Label != label.Label{}
}

// below is all that is in the folder w as f declares it.
func (f *File) below(w *want.Thing, from string) *below.Folder {
	ending, copies := f.Backup.Ending()
	return &below.Folder{Root: w, From: from, Walk: tree.Walk{
		Limit: f.RecurseLimit, Follow: f.Links == follow, Purge: f.Purge, Force: f.Force,
		Ignores: f.ignores, Managed: f.managedBy,
		Backup: func(base string) bool { return copies && strings.HasSuffix(base, ending) },
	}}
}

// managedBy says whether another resource manages name, or something below it.
func (f *File) managedBy(name string) (itself, below bool) {
	if f.managed == nil {
		return false, false
	}
	paths := f.managed()
	if _, itself = slices.BinarySearch(paths, name); itself {
		return true, false
	}
	i, _ := slices.BinarySearch(paths, name+"/")
	return false, i < len(paths) && strings.HasPrefix(paths[i], name+"/")
}

// ignores says whether a name matches one of the patterns of ignore.
func (f *File) ignores(name string) bool {
	return slices.ContainsFunc(f.Ignore, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}
