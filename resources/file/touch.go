package file

import (
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/want"
)

var (
	_ resources.Toucher  = (*File)(nil)
	_ resources.Absentee = (*File)(nil)
)

// Absent says whether the path is to go.
func (f *File) Absent() bool { return f.ensure() == want.Absent }

// Touches is the path, and the folder that is purged.
func (f *File) Touches() []resources.Touch {
	t := resources.Touch{Path: path.Clean(f.Path)}
	switch f.ensure() {
	case want.Absent:
		t.How = resources.Removes
	case want.File:
		if f.Replace && (f.Content != nil || f.ContentBase64 != nil || len(f.Source) > 0) {
			t.How, t.Text = resources.Writes, f.Content
		}
	case want.Directory, want.Present, "":
		if f.Recurse && len(f.Source) > 0 {
			t.How = resources.Writes
		}
		if f.Purge && len(f.Source) == 0 { // what a source has is not purged, and not known here
			return []resources.Touch{t, {Path: t.Path, How: resources.Empties, Covers: f.purges}}
		}
	}
	return []resources.Touch{t}
}

// purges says whether what is at a path in the folder, not managed and no folder itself, is removed.
func (f *File) purges(below string) bool {
	steps := strings.Split(strings.TrimPrefix(below, path.Clean(f.Path)+"/"), "/")
	if len(steps) > 1 && !f.Force || f.RecurseLimit != nil && len(steps) > *f.RecurseLimit {
		return false
	}
	return !slices.ContainsFunc(steps, f.ignores)
}
