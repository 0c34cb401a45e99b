package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/label"
	"github.com/nodeapply/apply/resources/file/internal/tree"
)

var _ resources.Surveyor = (*File)(nil)

const (
	listedChanges = 100 // of a tree
	listedNotes   = 20
)

// Survey takes the paths that other resources manage: a tree leaves them alone.
func (f *File) Survey(paths func() []string) { f.managed = paths }

// walks says whether something of what is in the folder is managed too.
func (f *File) walks(w *want) bool {
	if !f.Recurse || w.ensure == ensureAbsent || f.RecurseLimit != nil && *f.RecurseLimit == 0 {
		return false
	}
	return w.source != "" || f.Purge || w.mode != "" || w.owner.UID != nil || w.owner.GID != nil || w.label != label.Label{}
}

// walk is a walk through a folder as f declares it.
func (f *File) walk(v host.View) *tree.Walk {
	ending, copies := f.Backup.Ending()
	return &tree.Walk{
		View: v, Note: func(string) {},
		Limit: f.RecurseLimit, Follow: f.Links == follow, Purge: f.Purge, Force: f.Force,
		Ignores: f.ignores, Managed: f.managedBy,
		Backup: func(base string) bool { return copies && strings.HasSuffix(base, ending) },
	}
}

// at is what is declared for a name in the folder w.
func (w *want) at(n tree.Name) *want {
	at := &want{name: n.Path, mode: w.mode, owner: w.owner, label: w.label, inTree: true, fresh: n.Fresh}
	switch n.Copy {
	case host.Regular:
		at.ensure, at.body = ensureFile, content.Body{Attr: "source", Path: n.Source, Size: n.Size}
	case host.Symlink:
		at.ensure, at.target = ensureLink, n.Target
	case host.Directory:
		at.ensure = ensureDirectory
	}
	if n.Purge {
		at.ensure = ensureAbsent
	}
	return at
}

// look returns what is at a name of a tree, and opens it, and what it is to be a copy of, where they are to be compared.
func (f *File) look(w *want, n tree.Name, at tree.Place) (thing, error) {
	switch {
	case n.Fresh:
		return thing{}, nil
	case n.Copy != host.Regular || !f.Replace:
		st, err := at.Lstat()
		return thing{Stat: st}, err
	}
	file, err := at.Open()
	var other *host.NotFileError
	switch {
	case errors.As(err, &other):
		return thing{Stat: other.Stat}, nil
	case err != nil:
		return thing{}, err
	}
	is := thing{file.Stat(), file}
	if is.Size == n.Size {
		if w.body.File, err = at.OpenSource(); err != nil {
			is.close()
			return thing{}, &resources.AttrError{Attr: "source", Err: err}
		}
	}
	return is, nil
}

// compareTree adds to d what differs in the folder, bounded, with the names where that is: unless these are too many.
func (f *File) compareTree(ctx context.Context, v host.View, root *want, d resources.Diff) (resources.Diff, error) {
	st, err := v.Lstat(root.name)
	if err != nil {
		return d, err
	}
	more, silenced := 0, 0
	t := f.walk(v)
	t.Note = func(text string) {
		if len(d.Notes) >= listedNotes {
			silenced++
			return
		}
		d.Notes = append(d.Notes, text)
	}
	var names []tree.Name
	t.Visit = func(ctx context.Context, n tree.Name, at tree.Place) (host.Kind, error) {
		w := root.at(n)
		is, err := f.look(w, n, at)
		if err != nil {
			return 0, within(root, w, err)
		}
		defer is.close()
		defer w.body.Close()
		found, err := f.compareAt(ctx, v, w, is)
		if err != nil {
			return 0, within(root, w, err)
		}
		if !found.Empty() && len(names) <= listedChanges {
			names = append(names, n)
		}
		for _, c := range f.summary(root, w, found) {
			d.Spreads = true // to more names than are listed
			if len(d.Changes) >= listedChanges {
				more++
				continue
			}
			d.Changes = append(d.Changes, c)
		}
		return is.Kind, nil
	}
	if err := t.Through(ctx, root.name, st.Kind != host.Directory, root.source); err != nil {
		return d, err
	}
	if !d.Empty() && len(names) <= listedChanges {
		d.Found = names
	}
	if more > 0 {
		d.Changes = append(d.Changes, resources.Change{Attr: "recurse", To: fmt.Sprintf("and %d more", more)})
	}
	if silenced > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("and %d more", silenced))
	}
	return d, nil
}

// writers is how many files of a tree are written at a time: their waits for the disk are one wait, and each has a handful of files open.
func writers() int { return min(64, host.OpenFiles()/32) }

// bringTree removes what differs in the folder: where that was found, if it is known, else wherever it is by now. Folders are brought one after the
// other, as the walk needs them; what is no folder and is to be none is left to a bounded number of writers.
func (f *File) bringTree(ctx context.Context, h host.Host, root *want, d resources.Diff) error {
	var g *errgroup.Group
	g, ctx = errgroup.WithContext(ctx)
	g.SetLimit(max(1, writers()))
	bring := func(w *want, is thing) (host.Kind, error) {
		kind := f.becomes(w, is.Kind)
		if kind == host.Directory {
			return kind, f.bringWithin(ctx, h, root, w, is)
		}
		g.Go(func() error { return f.bringWithin(ctx, h, root, w, is) })
		return kind, nil
	}
	names, known := d.Found.([]tree.Name)
	for _, n := range names {
		n.Fresh = false // its folder is there: it was found before what is in it
		w := root.at(n)
		st, err := h.Lstat(w.name)
		if err == nil {
			_, err = bring(w, thing{Stat: st})
		}
		if err != nil {
			return cmp.Or(g.Wait(), err)
		}
	}
	if known {
		return g.Wait()
	}
	t := f.walk(h)
	t.Visit = func(ctx context.Context, n tree.Name, at tree.Place) (host.Kind, error) {
		w := root.at(n)
		is, err := f.look(w, n, at)
		if err != nil {
			return 0, within(root, w, err)
		}
		return bring(w, is)
	}
	err := t.Through(ctx, root.name, false, root.source)
	return cmp.Or(g.Wait(), err)
}

// bringWithin removes what differs at one name of a tree.
func (f *File) bringWithin(ctx context.Context, h host.Host, root, w *want, is thing) error {
	defer is.close()
	defer w.body.Close()
	d, err := f.compareAt(ctx, h, w, is)
	if err == nil {
		err = f.bring(ctx, h, w, is.Stat, d)
	}
	if err != nil {
		return within(root, w, err)
	}
	return nil
}

// within tells which name of a tree an error is about.
func within(root, w *want, err error) error {
	return fmt.Errorf("%s: %w", strings.TrimPrefix(w.name, root.name+"/"), err)
}

// summary says what differs at one name of a tree, with the name.
func (f *File) summary(root, w *want, d resources.Diff) []resources.Change {
	at := strings.TrimPrefix(w.name, root.name+"/") + ": "
	changes := d.Changes
	if d.Has("ensure") {
		changes = changes[:1] // what is made or removed brings everything else along
		if w.ensure == ensureAbsent {
			changes[0].Attr = "purge"
		}
	}
	for i := range changes {
		changes[i].From, changes[i].To = at+changes[i].From, at+changes[i].To
	}
	return changes
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
