package file

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/backup"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/perm"
	"github.com/nodeapply/apply/resources/file/internal/protect"
	"github.com/nodeapply/apply/resources/internal/flags"
)

const (
	newFileMode   = 0o644
	newFolderMode = 0o755
)

// becomes says what kind of thing is to be at a name where there is a thing of the kind is.
func (f *File) becomes(w *want, is host.Kind) host.Kind {
	keep := !f.Replace && is != host.Absent && is != host.Directory
	switch {
	case w.ensure == ensureAbsent:
		return host.Absent
	case w.ensure == ensureFile && !keep:
		return host.Regular
	case w.ensure == ensureLink && !keep:
		return host.Symlink
	case w.ensure == ensureDirectory:
		return host.Directory
	case w.ensure == ensurePresent && is == host.Absent:
		return host.Regular
	}
	return is
}

// compare says what differs at one name.
func (f *File) compare(ctx context.Context, v host.View, w *want) (resources.Diff, error) {
	if w.ensure == ensureFile && w.body.Attr != "" {
		file, err := v.Open(w.name)
		var other *host.NotFileError
		switch {
		case err == nil:
			defer file.Close()
			return f.compareAt(ctx, v, w, thing{file.Stat(), file})
		case errors.As(err, &other):
			return f.compareAt(ctx, v, w, thing{Stat: other.Stat})
		}
	}
	st, err := v.Lstat(w.name)
	if err != nil {
		return resources.Diff{Notes: w.notes}, err
	}
	return f.compareAt(ctx, v, w, thing{Stat: st})
}

// thing is what is at a name; file is that, where it is open already.
type thing struct {
	host.Stat
	file host.File
}

func (t thing) close() {
	if t.file != nil {
		_ = t.file.Close()
	}
}

// compareAt says what differs at one name, where st is. A parent folder that is not there is an error that comes with the differences: an
// earlier resource may be about to make it.
func (f *File) compareAt(ctx context.Context, v host.View, w *want, st thing) (resources.Diff, error) {
	d := resources.Diff{Notes: w.notes}
	var missing error
	kind := f.becomes(w, st.Kind)
	if kind != st.Kind {
		if missing = f.mayChange(ctx, v, w, st.Stat); missing != nil && st.Kind != host.Absent {
			return d, missing
		}
		kept, err := backup.KeptWhole(v, w.name, st.Stat)
		if err != nil {
			return d, err
		}
		d.Changes = append(d.Changes, resources.Change{Attr: "ensure", From: st.Kind.String(), To: kind.String(), Irreversible: !kept})
	}
	var err error
	switch kind {
	case host.Regular:
		err = f.compareContent(ctx, v, w, st, &d)
	case host.Symlink:
		err = f.compareTarget(v, w, st.Stat, &d)
	}
	if err == nil && kind != host.Absent {
		f.compareMeta(ctx, v, w, st.Stat, kind, &d)
		var relabelled []resources.Change
		relabelled, err = w.label.Compare(v, w.name, kind != st.Kind)
		d.Changes = append(d.Changes, relabelled...)
	}
	if err == nil {
		err = missing
	}
	if err != nil || d.Empty() || w.fresh {
		return d, err
	}
	return d, flags.Changeable(v, w.op(st.Kind, kind, d))
}

// op is what the host will be asked to do about the differences d of a thing of the kind was, of which one of the kind is to be made.
func (w *want) op(was, is host.Kind, d resources.Diff) host.Op {
	op := host.Op{Kind: host.OpMeta, Name: w.name, Absent: was == host.Absent, All: was == host.Directory && was != is}
	switch {
	case was == is && !d.Has(w.body.Attr) && !d.Has("target"):
	case is == host.Absent:
		op.Kind = host.OpRemove
	case is == host.Directory:
		op.Kind = host.OpMkdir
	case is == host.Symlink:
		op.Kind = host.OpSymlink
	default:
		op.Kind = host.OpWrite
	}
	return op
}

// mayChange finds before anything is written what would keep the thing at w.name from becoming another.
func (f *File) mayChange(ctx context.Context, v host.View, w *want, st host.Stat) error {
	if st.Kind != host.Absent {
		return protect.Replaceable(ctx, v, w.name, st, f.Force, w.inTree)
	}
	if w.fresh || !st.Orphan {
		return nil
	}
	parent := path.Dir(w.name)
	up, err := v.Lstat(parent)
	if err != nil {
		return err
	}
	switch up.Kind {
	case host.Absent:
		return fmt.Errorf("parent folder %s: does not exist", parent)
	case host.Directory, host.Symlink:
		return nil
	}
	return fmt.Errorf("parent folder %s: is a %s", parent, up.Kind)
}

// compareContent adds the change of content, if content is declared and differs.
func (f *File) compareContent(ctx context.Context, v host.View, w *want, st thing, d *resources.Diff) error {
	fresh := st.Kind != host.Regular
	if w.pending != "" && (fresh || f.Replace) {
		d.Changes = append(d.Changes, resources.Change{Attr: "source", To: w.pending})
		return nil
	}
	if w.body.Attr == "" || !fresh && !f.Replace {
		return nil
	}
	if !fresh {
		file := st.file
		if file == nil {
			var err error
			if file, err = v.Open(w.name); err != nil {
				return err
			}
			defer file.Close()
		}
		same, err := w.body.Same(ctx, v, file)
		if err != nil || same {
			return err
		}
		if st.Nlink > 1 {
			d.Notes = append(d.Notes, fmt.Sprintf("%s has further hard links (%d in all): the others keep the old content", w.name, st.Nlink))
		}
		if !w.inTree { // in a tree what is mounted is left alone
			if err := noteMounted(ctx, v, w.name, d); err != nil {
				return err
			}
		}
	}
	change := resources.Change{Attr: w.body.Attr, Irreversible: !fresh && !backup.Kept(st.Stat)}
	if err := f.portray(ctx, v, w, st.Stat, &change); err != nil {
		return err
	}
	d.Changes = append(d.Changes, change)
	return nil
}

// noteMounted says of a file that is a mount point, and cannot be renamed over, what a write in place means.
func noteMounted(ctx context.Context, v host.View, name string, d *resources.Diff) error {
	mounts, err := v.Mounts(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(mounts, func(m host.Mount) bool { return m.Point == name }) {
		d.Notes = append(d.Notes, name+" is a mount point: it is written in place, so that a kill or a power cut in the middle leaves a part of the content, until the next run")
	}
	return nil
}

// portray says what the content was and is to be. In a tree it does so by sizes alone.
func (f *File) portray(ctx context.Context, v host.View, w *want, st host.Stat, c *resources.Change) (err error) {
	if w.inTree {
		c.From, c.To = content.Bytes(st.Size), content.Bytes(w.body.Size)
		return nil
	}
	var old *content.Body
	if st.Kind == host.Regular {
		old = &content.Body{Path: w.name, Size: st.Size}
	}
	c.From, c.To, c.Text, err = content.Portray(ctx, v, w.name, old, &w.body, f.ShowDiff)
	return err
}

// compareTarget adds the change of a link's target.
func (f *File) compareTarget(v host.View, w *want, st host.Stat, d *resources.Diff) error {
	if w.target == "" || st.Kind == host.Symlink && !f.Replace {
		return nil
	}
	var old string
	if st.Kind == host.Symlink {
		var err error
		if old, err = v.Readlink(w.name); err != nil {
			return err
		}
	}
	if old != w.target {
		if st.Kind == host.Symlink {
			if err := protect.System(v, w.name, st); err != nil {
				return err
			}
		}
		d.Changes = append(d.Changes, resources.Change{Attr: "target", From: old, To: w.target})
	}
	return nil
}

// compareMeta adds the changes of mode, owner and group. A link has no mode of its own.
func (f *File) compareMeta(ctx context.Context, v host.View, w *want, st host.Stat, kind host.Kind, d *resources.Diff) {
	fresh := kind != st.Kind
	if kind != host.Symlink && w.mode != "" {
		if mode := w.mode.Of(kind, modeBefore(st, kind)); fresh || mode != st.Mode {
			c := resources.Change{Attr: "mode", From: perm.Octal(st.Mode), To: perm.Octal(mode)}
			if fresh {
				c.From = ""
			}
			d.Changes = append(d.Changes, c)
		}
	}
	d.Changes = append(d.Changes, w.owner.Compare(ctx, v, st, fresh)...)
}

// modeBefore is what a symbolic mode starts from.
func modeBefore(st host.Stat, kind host.Kind) uint32 {
	switch {
	case st.Kind == kind:
		return st.Mode
	case kind == host.Directory:
		return newFolderMode
	}
	return newFileMode
}
