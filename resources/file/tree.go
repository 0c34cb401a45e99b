package file

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/label"
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
	if !f.Recurse || w.ensure != ensureDirectory || f.RecurseLimit != nil && *f.RecurseLimit == 0 {
		return false
	}
	return w.source != "" || f.Purge || w.mode != "" || w.uid != nil || w.gid != nil || w.label != label.Label{}
}

// tree is one walk through a folder and, in step with it, the folder that it is a copy of. No object outlives the name it is for.
type tree struct {
	f    *File
	v    host.View
	root *want
	// visit looks at one name and returns what is there afterwards.
	visit func(ctx context.Context, w *want) (host.Kind, error)
	note  func(text string)

	mounts []host.Mount // nil: not read yet
}

// level is one folder of the walk.
type level struct {
	folder  string
	missing bool   // the folder is yet to be made: nothing is in it
	source  string // "": copied from nowhere
	depth   int
	above   []inode // the source folders above, where links could lead back to them
}

type inode struct{ dev, ino uint64 }

// compareTree adds to d what differs in the folder, bounded.
func (f *File) compareTree(ctx context.Context, v host.View, root *want, d resources.Diff) (resources.Diff, error) {
	st, err := v.Lstat(root.name)
	if err != nil {
		return d, err
	}
	more, silenced := 0, 0
	t := &tree{f: f, v: v, root: root}
	t.note = func(text string) {
		if len(d.Notes) >= listedNotes {
			silenced++
			return
		}
		d.Notes = append(d.Notes, text)
	}
	t.visit = func(ctx context.Context, w *want) (host.Kind, error) {
		var st host.Stat
		if !w.fresh {
			var err error
			if st, err = v.Lstat(w.name); err != nil {
				return 0, err
			}
		}
		found, err := f.compareAt(ctx, v, w, thing{Stat: st})
		if err != nil {
			return 0, within(root, w, err)
		}
		for _, c := range f.summary(root, w, found) {
			d.Spreads = true // to more names than are listed
			if len(d.Changes) >= listedChanges {
				more++
				continue
			}
			d.Changes = append(d.Changes, c)
		}
		return st.Kind, nil
	}
	if err := t.walk(ctx, level{folder: root.name, missing: st.Kind != host.Directory, source: root.source}); err != nil {
		return d, err
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

// bringTree removes what differs in the folder. Folders are brought one after the other, as the walk needs them; what is no folder and is to be
// none is left to a bounded number of writers.
func (f *File) bringTree(ctx context.Context, h host.Host, root *want) error {
	var g *errgroup.Group
	g, ctx = errgroup.WithContext(ctx)
	g.SetLimit(max(1, writers()))
	t := &tree{f: f, v: h, root: root, note: func(string) {}}
	bring := func(ctx context.Context, w *want, st host.Stat) error {
		d, err := f.compareAt(ctx, h, w, thing{Stat: st})
		if err == nil {
			err = f.bring(ctx, h, w, d)
		}
		if err != nil {
			return within(root, w, err)
		}
		return nil
	}
	t.visit = func(ctx context.Context, w *want) (host.Kind, error) {
		st, err := h.Lstat(w.name)
		if err != nil {
			return 0, err
		}
		kind := f.becomes(w, st.Kind)
		if kind == host.Directory {
			return kind, bring(ctx, w, st)
		}
		g.Go(func() error { return bring(ctx, w, st) })
		return kind, nil
	}
	err := t.walk(ctx, level{folder: root.name, source: root.source})
	return cmp.Or(g.Wait(), err)
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

// walk visits all that is in a folder, and in its source, in lexical order, folders before what is in them.
func (t *tree) walk(ctx context.Context, l level) error {
	for e, err := range t.entries(l) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := path.Join(l.folder, e.name)
		others, below := t.f.managedBy(name)
		if others || t.f.ignores(e.name) {
			continue
		}
		if e.inSource {
			err = t.copied(ctx, l, e.name)
		} else {
			err = t.found(ctx, l, name, below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// child is what is declared for a name in the folder, apart from its kind and content.
func (t *tree) child(l level, name string) want {
	return want{
		name: path.Join(l.folder, name), mode: t.root.mode, owner: t.root.owner, group: t.root.group,
		uid: t.root.uid, gid: t.root.gid, label: t.root.label, inTree: true, fresh: l.missing,
	}
}

// copied visits a name that the source has.
func (t *tree) copied(ctx context.Context, l level, name string) error {
	w := t.child(l, name)
	source := path.Join(l.source, name)
	st, err := t.v.Lstat(source)
	if err == nil && st.Kind == host.Symlink && t.f.Links == follow {
		source, st, err = host.Resolve(t.v, source)
	}
	if err != nil {
		return err
	}
	switch st.Kind {
	case host.Regular:
		w.ensure, w.body = ensureFile, content.Body{Attr: "source", Path: source, Size: st.Size}
	case host.Symlink:
		w.ensure = ensureLink
		if w.target, err = t.v.Readlink(source); err != nil {
			return err
		}
	case host.Directory:
		w.ensure = ensureDirectory
	default:
		t.note(fmt.Sprintf("%s: %s, not copied", source, st.Kind))
		return nil
	}
	kind, err := t.visit(ctx, &w)
	if err != nil || st.Kind != host.Directory {
		return err
	}
	here := inode{st.Dev, st.Ino}
	if slices.Contains(l.above, here) {
		return fmt.Errorf("source: %s: its links lead in a circle", source)
	}
	return t.descend(ctx, level{
		folder: w.name, missing: l.missing || kind != host.Directory, source: source,
		depth: l.depth + 1, above: append(slices.Clip(l.above), here),
	})
}

// found visits a name that only the folder has; below says that another resource manages something under it.
func (t *tree) found(ctx context.Context, l level, name string, below bool) error {
	w := t.child(l, path.Base(name))
	if ending, ok := t.f.Backup.ending(); ok && strings.HasSuffix(name, ending) {
		return nil
	}
	if !t.f.Purge {
		kind, err := t.visit(ctx, &w)
		if err != nil || kind != host.Directory {
			return err
		}
		return t.descend(ctx, level{folder: name, depth: l.depth + 1})
	}
	st, err := t.v.Lstat(name)
	if err != nil {
		return err
	}
	w.ensure = ensureAbsent
	switch point, err := t.mountedIn(ctx, name); {
	case err != nil:
		return err
	case st.Kind == host.Directory && !t.f.Force:
		t.note(fmt.Sprintf("%s: not managed, kept with all that is in it: purging directories needs force", name))
		return nil
	case point != "":
		t.note(fmt.Sprintf("%s: not managed, kept: %s is a mount point", name, point))
		return nil
	case st.Kind == host.Directory && below:
		return t.descend(ctx, level{folder: name, depth: l.depth + 1})
	}
	_, err = t.visit(ctx, &w)
	return err
}

func (t *tree) descend(ctx context.Context, l level) error {
	if limit := t.f.RecurseLimit; limit != nil && l.depth >= *limit {
		return nil
	}
	return t.walk(ctx, l)
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

// mountedIn returns the first mount point at or below name, "" if there is none. The mounts are read once for a walk.
func (t *tree) mountedIn(ctx context.Context, name string) (string, error) {
	if t.mounts == nil {
		var err error
		if t.mounts, err = t.v.Mounts(ctx); err != nil {
			return "", err
		}
	}
	return mountedIn(t.mounts, name), nil
}

func mountedIn(mounts []host.Mount, name string) string {
	for _, m := range mounts {
		if m.Point == name || strings.HasPrefix(m.Point, name+"/") {
			return m.Point
		}
	}
	return ""
}
