package file

import (
	"context"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
)

// bring removes the differences d at one name, where st is.
func (f *File) bring(ctx context.Context, h host.Host, w *want, st host.Stat, d resources.Diff) (err error) {
	if d.Empty() {
		return nil
	}
	kind := f.becomes(w, st.Kind)
	if kind != st.Kind {
		err = f.replace(ctx, h, w, st, kind)
	} else {
		err = f.amend(ctx, h, w, st, d)
	}
	if err != nil || kind == host.Absent {
		return err
	}
	return w.label.Bring(ctx, h, w.name)
}

// amend removes the differences d of a thing that stays what it is.
func (f *File) amend(ctx context.Context, h host.Host, w *want, st host.Stat, d resources.Diff) error {
	meta := w.meta(st, d)
	switch {
	case st.Kind == host.Regular && w.body.Attr != "" && d.Has(w.body.Attr):
		return f.write(ctx, h, w, st, meta)
	case st.Kind == host.Symlink && d.Has("target"):
		return f.link(ctx, h, w, st)
	case meta.Mode == nil && meta.UID == nil && meta.GID == nil:
		return nil
	}
	return h.SetMeta(ctx, w.name, meta)
}

// meta is what of owner and permissions d says to set on a thing that stays what it is.
func (w *want) meta(st host.Stat, d resources.Diff) host.Meta {
	var meta host.Meta
	if d.Has("owner") {
		meta.UID = w.owner.UID
	}
	if d.Has("group") {
		meta.GID = w.owner.GID
	}
	owned := d.Has("owner") || d.Has("group") // which may take setuid away
	if d.Has("mode") || owned && w.mode != "" && st.Kind != host.Symlink {
		mode := w.mode.Of(st.Kind, st.Mode)
		meta.Mode = &mode
	}
	return meta
}

// replace makes the thing at w.name, if any, one of another kind.
func (f *File) replace(ctx context.Context, h host.Host, w *want, st host.Stat, kind host.Kind) error {
	if st.Kind != host.Absent { // else it is found as it is made
		if err := f.mayChange(ctx, h, w, st); err != nil {
			return err
		}
	}
	if err := f.Backup.Keep(ctx, h, w.name, st); err != nil {
		return err
	}
	var inTheWay bool // of what is made: nothing but a link, a pipe or a file can be renamed over
	switch st.Kind {
	case host.Absent:
	case host.Directory, host.CharDevice, host.BlockDevice:
		inTheWay = true
	default:
		inTheWay = kind == host.Directory
	}
	meta := host.Meta{UID: w.owner.UID, GID: w.owner.GID}
	if w.mode != "" {
		mode := w.mode.Of(kind, modeBefore(st, kind))
		meta.Mode = &mode
	}
	make := func(h host.Host, name string) error {
		at := *w
		at.name = name
		switch kind {
		case host.Regular:
			return f.write(ctx, h, &at, st, meta)
		case host.Directory:
			return h.Mkdir(ctx, name, meta)
		case host.Symlink:
			return f.link(ctx, h, &at, st)
		}
		return nil
	}
	all := st.Kind == host.Directory && f.Force
	switch {
	case kind == host.Absent:
		return h.Remove(ctx, w.name, all)
	case inTheWay:
		return h.Supplant(ctx, w.name, all, make)
	}
	return make(h, w.name)
}

// write gives the file at w.name its content.
func (f *File) write(ctx context.Context, h host.Host, w *want, st host.Stat, meta host.Meta) error {
	if st.Kind == host.Regular {
		if err := f.Backup.Keep(ctx, h, w.name, st); err != nil {
			return err
		}
	}
	new, err := w.body.Open(ctx, h)
	if err != nil {
		return &resources.AttrError{Attr: "source", Err: err}
	}
	defer new.Close()
	return h.WriteFile(ctx, w.name, host.NewFile{Content: new, Meta: meta, Validate: content.Judge(h, f.ValidateCmd)})
}

// link makes w.name a link to w.target. Its owner stays what it was unless another is declared.
func (f *File) link(ctx context.Context, h host.Host, w *want, st host.Stat) error {
	if err := h.Symlink(ctx, w.target, w.name); err != nil {
		return err
	}
	meta := host.Meta{UID: w.owner.UID, GID: w.owner.GID}
	if st.Kind == host.Symlink && meta.UID == nil {
		meta.UID = &st.UID
	}
	if st.Kind == host.Symlink && meta.GID == nil {
		meta.GID = &st.GID
	}
	if meta.UID == nil && meta.GID == nil {
		return nil
	}
	return h.SetMeta(ctx, w.name, meta)
}
