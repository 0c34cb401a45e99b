// Package tree walks through a folder and, in step with it, the folder that it is to be a copy of. Memory depends on the depth alone: no object outlives
// the name it is for.
package tree

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/file/internal/protect"
)

// Walk is what a walk does at each name, and what it leaves out.
type Walk struct {
	View host.View
	// Visit looks at one name and returns what is there afterwards. Folders are visited before what is in them, names in lexical order. The place is
	// there until Visit returns.
	Visit func(ctx context.Context, n Name, at Place) (host.Kind, error)
	// Note is told what is passed over though it is somewhere.
	Note func(text string)

	Limit   *int                                   // how many levels are walked; nil: all
	Follow  bool                                   // links in the source stand for what they point to
	Purge   bool                                   // names that the source does not have are to be removed
	Force   bool                                   // folders too
	Ignores func(base string) bool                 // names that are passed over; nil: none
	Backup  func(base string) bool                 // names that are no part of the folder unless the source has them
	Managed func(name string) (itself, below bool) // by another resource: itself is passed over, below keeps a folder from being removed
	Kept    func(name string) bool                 // of which another resource has a part: it is not purged
	Spared  func(name string)                      // told of each name that only the folder has, and that is passed over; nil: it is not
}

// Name is one name in the folder, and what is to be there.
type Name struct {
	Path  string
	Fresh bool // the folder that it is in is yet to be made
	Purge bool // nothing is to be there

	// Copy is the kind of what the source has, [host.Absent] if it has nothing: then what is there stays, unless it is purged.
	Copy   host.Kind
	Source string // where that is, links followed if they stand for something else
	Size   int64  // of a file, in bytes
	Target string // of a link
}

// Place is where a name of the walk is: in a folder that the walk holds, and so is what it is to be a copy of. Where the folder is yet to be made nothing
// can be asked of it.
type Place struct {
	folder, source   host.Folder
	base, sourceBase string
}

// Lstat describes what is at the name.
func (p Place) Lstat() (host.Stat, error) { return p.folder.Lstat(p.base) }

// Open opens the file at the name.
func (p Place) Open() (host.File, error) { return p.folder.Open(p.base) }

// OpenSource opens the file that it is to be a copy of.
func (p Place) OpenSource() (host.File, error) { return p.source.Open(p.sourceBase) }

// Through walks through folder, of which nothing is there yet if missing, in step with source, "" if it is copied from nowhere.
func (w *Walk) Through(ctx context.Context, folder string, missing bool, source string) error {
	t := walk{Walk: w}
	return t.walk(ctx, level{folder: folder, missing: missing, source: source})
}

// walk is one walk under way.
type walk struct {
	*Walk
	mounts []host.Mount // nil: not read yet
}

// level is one folder of the walk.
type level struct {
	folder  string
	missing bool   // the folder is yet to be made: nothing is in it
	source  string // "": copied from nowhere
	depth   int
	above   []inode // the source folders above, where links could lead back to them

	here, there host.Folder // folder and source, held; nil where there is none
}

type inode struct{ dev, ino uint64 }

// walk visits all that is in a folder, and in its source.
func (t *walk) walk(ctx context.Context, l level) error {
	if !l.missing {
		l.here = host.Hold(t.View, l.folder)
		defer l.here.Close()
	}
	if l.source != "" {
		l.there = host.Hold(t.View, l.source)
		defer l.there.Close()
	}
	for e, err := range t.entries(l) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := path.Join(l.folder, e.name)
		others, below := t.Managed(name)
		if others || t.Ignores != nil && t.Ignores(e.name) {
			continue
		}
		if e.inSource {
			err = t.copied(ctx, l, e.name, name)
		} else {
			err = t.found(ctx, l, e.name, name, below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copied visits a name that the source has.
func (t *walk) copied(ctx context.Context, l level, base, name string) error {
	source := path.Join(l.source, base)
	link, at := source, Place{l.here, l.there, base, base}
	st, err := l.there.Lstat(base)
	if err == nil && st.Kind == host.Symlink && t.Follow {
		if source, st, err = host.Resolve(t.View, source); err == nil {
			at.source, at.sourceBase = host.Hold(t.View, path.Dir(source)), path.Base(source)
			defer at.source.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("source: %s: %w", link, err)
	}
	n := Name{Path: name, Fresh: l.missing, Copy: st.Kind, Source: source}
	switch st.Kind {
	case host.Regular:
		n.Size = st.Size
	case host.Symlink:
		if n.Target, err = t.View.Readlink(source); err != nil {
			return fmt.Errorf("source: %s: %w", source, err)
		}
	case host.Directory:
	default:
		if link != source {
			source = link + ", a link to " + source
		}
		t.Note(fmt.Sprintf("%s: %s, not copied", source, st.Kind))
		return nil
	}
	kind, err := t.Visit(ctx, n, at)
	if err != nil || st.Kind != host.Directory {
		return err
	}
	here := inode{st.Dev, st.Ino}
	if slices.Contains(l.above, here) {
		return fmt.Errorf("source: %s: its links lead in a circle", source)
	}
	return t.descend(ctx, level{
		folder: name, missing: l.missing || kind != host.Directory, source: source,
		depth: l.depth + 1, above: append(slices.Clip(l.above), here),
	})
}

// found visits a name that only the folder has; below says that another resource manages something under it.
func (t *walk) found(ctx context.Context, l level, base, name string, below bool) error {
	switch {
	case t.Backup(base), t.Purge && t.Kept(name):
		return nil
	case t.Spared != nil:
		t.Spared(name)
		return nil
	}
	inside, at := level{folder: name, depth: l.depth + 1}, Place{folder: l.here, base: base}
	if !t.Purge {
		kind, err := t.Visit(ctx, Name{Path: name}, at)
		if err != nil || kind != host.Directory {
			return err
		}
		return t.descend(ctx, inside)
	}
	st, err := at.Lstat()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch point, err := t.mountedIn(ctx, name); {
	case err != nil:
		return err
	case st.Kind == host.Directory && !t.Force:
		t.Note(fmt.Sprintf("%s: not managed, kept with all that is in it: purging directories needs force", name))
		return nil
	case point != "":
		t.Note(fmt.Sprintf("%s: not managed, kept: %s is a mount point", name, point))
		return nil
	}
	if st.Kind == host.Directory && !below {
		if below, err = t.ignoresIn(ctx, name); err != nil {
			return err
		}
	}
	if below && st.Kind == host.Directory {
		if _, err := t.Visit(ctx, Name{Path: name}, at); err != nil {
			return err
		}
		return t.descend(ctx, inside)
	}
	_, err = t.Visit(ctx, Name{Path: name, Purge: true}, at)
	return err
}

// ignoresIn says whether something is in a folder that is passed over, so that the folder cannot go either.
func (t *walk) ignoresIn(ctx context.Context, folder string) (bool, error) {
	if t.Ignores == nil {
		return false, nil
	}
	for base, err := range t.View.ReadDir(folder) {
		switch {
		case err != nil:
			return false, fmt.Errorf("%s: %w", folder, err)
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case t.Ignores(base):
			return true, nil
		}
		name := path.Join(folder, base)
		st, err := t.View.Lstat(name)
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		if st.Kind != host.Directory {
			continue
		}
		if in, err := t.ignoresIn(ctx, name); in || err != nil {
			return in, err
		}
	}
	return false, nil
}

func (t *walk) descend(ctx context.Context, l level) error {
	if t.Limit != nil && l.depth >= *t.Limit {
		return nil
	}
	return t.walk(ctx, l)
}

// mountedIn returns the first mount point at or below name, "" if there is none. The mounts are read once for a walk.
func (t *walk) mountedIn(ctx context.Context, name string) (string, error) {
	if t.mounts == nil {
		var err error
		if t.mounts, err = t.View.Mounts(ctx); err != nil {
			return "", err
		}
	}
	return protect.Mounted(t.mounts, name), nil
}
