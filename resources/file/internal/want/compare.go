package want

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/backup"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/perm"
	"github.com/nodeapply/apply/resources/file/internal/protect"
	"github.com/nodeapply/apply/resources/internal/flags"
)

// Compare says what differs from t in what is there. What an earlier resource may be about to make, such as the folder above or the owner, is an error
// that comes with the differences.
func (t *Thing) Compare(ctx context.Context, v host.View, is Found) (resources.Diff, error) {
	d := resources.Diff{Notes: t.Notes}
	var missing error
	kind := t.Becomes(is.Kind)
	if kind == host.Absent && is.Kind == host.Absent {
		return d, nil // whoever is to own what is not there
	}
	if kind != is.Kind {
		if missing = t.mayChange(ctx, v, is.Stat); missing != nil && is.Kind != host.Absent {
			return d, missing
		}
		kept, err := backup.KeptWhole(v, t.Name, is.Stat)
		if err != nil {
			return d, err
		}
		d.Changes = append(d.Changes, resources.Change{Attr: "ensure", From: is.Kind.String(), To: kind.String(), Irreversible: !kept})
	}
	var err error
	switch kind {
	case host.Regular:
		err = t.compareContent(ctx, v, is, &d)
	case host.Symlink:
		err = t.compareTarget(v, is.Stat, &d)
	}
	if err == nil && kind != host.Absent {
		t.compareMeta(ctx, v, is.Stat, kind, &d)
		var relabelled []resources.Change
		relabelled, err = t.Label.Compare(v, t.Name, kind != is.Kind)
		d.Changes = append(d.Changes, relabelled...)
	}
	if err = cmp.Or(err, errors.Join(missing, t.Missing)); err != nil || d.Empty() || t.Fresh {
		return d, err
	}
	return d, flags.Changeable(v, is.Stat, t.op(is.Kind, kind, d))
}

// op is what the host will be asked to do about the differences d of a thing of the kind was, of which one of the kind is to be made.
func (t *Thing) op(was, is host.Kind, d resources.Diff) host.Op {
	op := host.Op{Kind: host.OpMeta, Name: t.Name, Absent: was == host.Absent, All: was == host.Directory && was != is}
	switch {
	case was == is && !d.Has(t.Body.Attr) && !d.Has("target"):
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

// mayChange finds before anything is written what would keep the thing at t.Name from becoming another.
func (t *Thing) mayChange(ctx context.Context, v host.View, st host.Stat) error {
	if st.Kind != host.Absent {
		return protect.Replaceable(ctx, v, t.Name, st, t.Force, t.InTree)
	}
	if t.Fresh || !st.Orphan {
		return nil
	}
	parent := path.Dir(t.Name)
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
func (t *Thing) compareContent(ctx context.Context, v host.View, is Found, d *resources.Diff) error {
	fresh := is.Kind != host.Regular
	if t.Pending != "" && (fresh || t.Replace) {
		d.Changes = append(d.Changes, resources.Change{Attr: "source", To: t.Pending})
		return nil
	}
	if t.Body.Attr == "" || !fresh && !t.Replace {
		return nil
	}
	if !fresh {
		file := is.File
		if file == nil {
			var err error
			if file, err = v.Open(t.Name); err != nil {
				return err
			}
			defer file.Close()
		}
		same, err := t.Body.Same(ctx, v, file)
		if err != nil || same {
			return err
		}
		if is.Nlink > 1 {
			d.Notes = append(d.Notes, fmt.Sprintf("%s has further hard links (%d in all): the others keep the old content", t.Name, is.Nlink))
		}
		if !t.InTree { // in a tree what is mounted is left alone
			if err := noteMounted(v, t.Name, d); err != nil {
				return err
			}
		}
	}
	change := resources.Change{Attr: t.Body.Attr, Irreversible: !fresh && !backup.Kept(is.Stat)}
	if err := t.portray(ctx, v, is.Stat, &change); err != nil {
		return err
	}
	d.Changes = append(d.Changes, change)
	return t.Body.Verify(ctx, v)
}

// noteMounted says of a file that is a mount point, and cannot be renamed over, what a write in place means.
func noteMounted(v host.View, name string, d *resources.Diff) error {
	own, _, err := v.Flags(name)
	if own.Mounted {
		d.Notes = append(d.Notes, name+" is a mount point: it is written in place, so that a kill or a power cut in the middle leaves a part of the content, until the next run")
	}
	return err
}

// portray says what the content was and is to be. In a tree it does so by sizes alone, where these differ.
func (t *Thing) portray(ctx context.Context, v host.View, st host.Stat, c *resources.Change) (err error) {
	if t.InTree && st.Size != t.Body.Size {
		c.From, c.To = content.Bytes(st.Size), content.Bytes(t.Body.Size)
		return nil
	}
	var old *content.Body
	if st.Kind == host.Regular {
		old = &content.Body{Path: t.Name, Size: st.Size}
	}
	c.From, c.To, c.Text, err = content.Portray(ctx, v, t.Name, old, &t.Body, t.ShowDiff && !t.InTree)
	return err
}

// compareTarget adds the change of a link's target.
func (t *Thing) compareTarget(v host.View, st host.Stat, d *resources.Diff) error {
	if t.Target == "" || st.Kind == host.Symlink && !t.Replace {
		return nil
	}
	var old string
	if st.Kind == host.Symlink {
		var err error
		if old, err = v.Readlink(t.Name); err != nil {
			return err
		}
	}
	if old != t.Target {
		if st.Kind == host.Symlink {
			if err := protect.System(v, t.Name, st); err != nil {
				return err
			}
		}
		d.Changes = append(d.Changes, resources.Change{Attr: "target", From: old, To: t.Target})
	}
	return nil
}

// compareMeta adds the changes of mode, owner and group. A link has no mode of its own.
func (t *Thing) compareMeta(ctx context.Context, v host.View, st host.Stat, kind host.Kind, d *resources.Diff) {
	fresh := kind != st.Kind
	if kind != host.Symlink && t.Mode != "" {
		if mode := t.modeFor(st, kind); fresh || mode != st.Mode {
			c := resources.Change{Attr: "mode", From: perm.Octal(st.Mode), To: perm.Octal(mode)}
			if fresh {
				c.From = ""
			}
			d.Changes = append(d.Changes, c)
		}
	}
	d.Changes = append(d.Changes, t.Owner.Compare(ctx, v, st, fresh)...)
}
