// Package below is what is wanted of all that is in a folder: it compares the names there one after the other, and brings many at a time.
package below

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/tree"
	"github.com/nodeapply/apply/resources/file/internal/want"
)

const (
	listedChanges = 100 // of a folder
	listedNotes   = 20
)

// Folder is a folder with all that is in it.
type Folder struct {
	Root *want.Thing // the folder itself; its mode, owner and label, and its terms, are those of all that is in it
	From string      // the folder that it is copied from, "" for none
	Walk tree.Walk   // which names are looked at; View, Visit, Note and Spared are set by the caller that walks
	// Spare has what only the folder has left as it is, and tells of its n names, of which one is the first; nil: it is not spared.
	Spare func(first string, n int, d *resources.Diff)
}

// thing is what is wanted at a name in the folder.
func (f *Folder) thing(n tree.Name) *want.Thing {
	t := &want.Thing{
		Name: n.Path, Mode: f.Root.Mode, Owner: f.Root.Owner, Label: f.Root.Label, Terms: f.Root.Terms, InTree: true, Fresh: n.Fresh,
	}
	switch n.Copy {
	case host.Regular:
		t.Ensure, t.Body = want.File, content.Body{Attr: "source", Path: n.Source, Size: n.Size}
	case host.Symlink:
		t.Ensure, t.Target = want.Link, n.Target
	case host.Directory:
		t.Ensure = want.Directory
	}
	if n.Purge {
		t.Ensure = want.Absent
	}
	return t
}

// look returns what is at a name, and opens it, and what it is to be a copy of, where they are to be compared.
func look(t *want.Thing, n tree.Name, at tree.Place) (want.Found, error) {
	switch {
	case n.Fresh:
		return want.Found{}, nil
	case n.Copy != host.Regular || !t.Replace:
		st, err := at.Lstat()
		return want.Found{Stat: st}, err
	}
	file, err := at.Open()
	var other *host.NotFileError
	switch {
	case errors.As(err, &other):
		return want.Found{Stat: other.Stat}, nil
	case err != nil:
		return want.Found{}, err
	}
	is := want.Found{Stat: file.Stat(), File: file}
	if is.Size == n.Size {
		if t.Body.File, err = at.OpenSource(); err != nil {
			is.Close()
			return want.Found{}, &resources.AttrError{Attr: "source", Err: err}
		}
	}
	return is, nil
}

// Compare adds to d, the differences of the folder itself, where there is a thing of the kind is, what differs in it, bounded, with the names where that is:
// unless these are too many.
func (f *Folder) Compare(ctx context.Context, v host.View, is host.Kind, d resources.Diff) (resources.Diff, error) {
	more, silenced := 0, 0
	walk := f.Walk
	walk.View = v
	walk.Note = func(text string) {
		if len(d.Notes) >= listedNotes {
			silenced++
			return
		}
		d.Notes = append(d.Notes, text)
	}
	first, spared := "", 0
	if f.Spare != nil {
		walk.Spared = func(name string) { first, spared = cmp.Or(first, name), spared+1 }
	}
	var names []tree.Name
	walk.Visit = func(ctx context.Context, n tree.Name, at tree.Place) (host.Kind, error) {
		t := f.thing(n)
		is, err := look(t, n, at)
		if err != nil {
			return 0, f.within(t, err)
		}
		defer is.Close()
		defer t.Body.Close()
		found, err := t.Compare(ctx, v, is)
		if err != nil {
			return 0, f.within(t, err)
		}
		if !found.Empty() && len(names) <= listedChanges {
			names = append(names, n)
		}
		for _, c := range f.summary(t, found) {
			d.Spreads = true // to more names than are listed
			if len(d.Changes) >= listedChanges {
				more++
				continue
			}
			d.Changes = append(d.Changes, c)
		}
		return is.Kind, nil
	}
	if err := walk.Through(ctx, f.Root.Name, is != host.Directory, f.From); err != nil {
		return d, err
	}
	if !d.Empty() && len(names) <= listedChanges {
		d.Found = names
	}
	if spared > 0 {
		f.Spare(f.inside(first), spared, &d)
	}
	if more > 0 {
		d.Changes = append(d.Changes, resources.Change{Attr: "recurse", To: fmt.Sprintf("and %d more", more)})
	}
	if silenced > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("and %d more", silenced))
	}
	return d, nil
}

// Bring removes what differs in the folder: where [Folder.Compare] found it, if that is known, else wherever it is by now. Folders are brought one after the
// other, as the walk needs them; what is no folder and is to be none is left to helpers, as far as there are some.
func (f *Folder) Bring(ctx context.Context, h host.Host, d resources.Diff) error {
	var g *errgroup.Group
	g, ctx = errgroup.WithContext(ctx)
	bring := func(t *want.Thing, is want.Found) (host.Kind, error) {
		kind := t.Becomes(is.Kind)
		if kind == host.Directory {
			return kind, f.bring(ctx, h, t, is)
		}
		left, ok := waiting.Help(ctx)
		if !ok {
			return kind, f.bring(ctx, h, t, is)
		}
		g.Go(func() error {
			defer left()
			return f.bring(ctx, h, t, is)
		})
		return kind, nil
	}
	wait := func() (err error) {
		waiting.For(ctx, func() { err = g.Wait() })
		return err
	}
	names, known := d.Found.([]tree.Name)
	for _, n := range names {
		n.Fresh = false // its folder is there: it was found before what is in it
		t := f.thing(n)
		st, err := h.Lstat(t.Name)
		if err == nil {
			_, err = bring(t, want.Found{Stat: st})
		}
		if err != nil {
			return cmp.Or(wait(), err)
		}
	}
	if known {
		return wait()
	}
	walk := f.Walk
	walk.View, walk.Note = h, func(string) {}
	if f.Spare != nil {
		walk.Spared = func(string) {}
	}
	walk.Visit = func(ctx context.Context, n tree.Name, at tree.Place) (host.Kind, error) {
		t := f.thing(n)
		is, err := look(t, n, at)
		if err != nil {
			return 0, f.within(t, err)
		}
		return bring(t, is)
	}
	err := walk.Through(ctx, f.Root.Name, false, f.From)
	return cmp.Or(wait(), err)
}

// bring removes what differs at one name.
func (f *Folder) bring(ctx context.Context, h host.Host, t *want.Thing, is want.Found) error {
	defer is.Close()
	defer t.Body.Close()
	d, err := t.Compare(ctx, h, is)
	if err == nil {
		err = t.Bring(ctx, h, is.Stat, d)
	}
	if err != nil {
		return f.within(t, err)
	}
	return nil
}

// inside is a name as it is in the folder.
func (f *Folder) inside(name string) string { return strings.TrimPrefix(name, f.Root.Name+"/") }

// within tells which name of the folder an error is about.
func (f *Folder) within(t *want.Thing, err error) error {
	return fmt.Errorf("%s: %w", f.inside(t.Name), err)
}

// summary says what differs at one name, with the name.
func (f *Folder) summary(t *want.Thing, d resources.Diff) []resources.Change {
	at := f.inside(t.Name) + ": "
	changes := d.Changes
	if d.Has("ensure") {
		changes = changes[:1] // what is made or removed brings everything else along
		if t.Ensure == want.Absent {
			changes[0].Attr = "purge"
		}
	}
	for i := range changes {
		changes[i].From, changes[i].To = at+changes[i].From, at+changes[i].To
	}
	return changes
}
