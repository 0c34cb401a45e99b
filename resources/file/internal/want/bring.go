package want

import (
	"context"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
)

// Bring removes the differences d of what is there, which st is.
func (t *Thing) Bring(ctx context.Context, h host.Host, st host.Stat, d resources.Diff) (err error) {
	if t.Missing != nil || d.Empty() {
		return t.Missing
	}
	kind := t.Becomes(st.Kind)
	if kind != st.Kind {
		err = t.replace(ctx, h, st, kind)
	} else {
		err = t.amend(ctx, h, st, d)
	}
	if err != nil || kind == host.Absent {
		return err
	}
	return t.Label.Bring(ctx, h, t.Name)
}

// amend removes the differences d of a thing that stays what it is.
func (t *Thing) amend(ctx context.Context, h host.Host, st host.Stat, d resources.Diff) error {
	meta := t.meta(st, d)
	switch {
	case st.Kind == host.Regular && t.Body.Attr != "" && d.Has(t.Body.Attr):
		return t.write(ctx, h, st, meta)
	case st.Kind == host.Symlink && d.Has("target"):
		return t.link(ctx, h, st)
	case meta.Mode == nil && meta.UID == nil && meta.GID == nil:
		return nil
	}
	return h.SetMeta(ctx, t.Name, meta)
}

// meta is what of owner and permissions d says to set on a thing that stays what it is.
func (t *Thing) meta(st host.Stat, d resources.Diff) host.Meta {
	var meta host.Meta
	if d.Has("owner") {
		meta.UID = t.Owner.UID
	}
	if d.Has("group") {
		meta.GID = t.Owner.GID
	}
	owned := d.Has("owner") || d.Has("group") // which may take setuid away
	if d.Has("mode") || owned && t.Mode != "" && st.Kind != host.Symlink {
		mode := t.modeFor(st, st.Kind)
		meta.Mode = &mode
	}
	return meta
}

// replace makes the thing at t.Name, if any, one of another kind.
func (t *Thing) replace(ctx context.Context, h host.Host, st host.Stat, kind host.Kind) error {
	if st.Kind != host.Absent { // else it is found as it is made
		if err := t.mayChange(ctx, h, st); err != nil {
			return err
		}
	}
	if kind != host.Regular { // else as it is written
		if err := t.Backup.Keep(ctx, h, t.Name, st); err != nil {
			return err
		}
	}
	var inTheWay bool // of what is made: nothing but a link, a pipe or a file can be renamed over
	switch st.Kind {
	case host.Absent:
	case host.Directory, host.CharDevice, host.BlockDevice:
		inTheWay = true
	default:
		inTheWay = kind == host.Directory
	}
	meta := host.Meta{UID: t.Owner.UID, GID: t.Owner.GID}
	if t.Mode != "" {
		mode := t.modeFor(st, kind)
		meta.Mode = &mode
	}
	make := func(h host.Host, name string) error {
		at := *t
		at.Name = name
		switch kind {
		case host.Regular:
			return at.write(ctx, h, st, meta)
		case host.Directory:
			return h.Mkdir(ctx, name, meta)
		case host.Symlink:
			return at.link(ctx, h, st)
		}
		return nil
	}
	all := st.Kind == host.Directory && t.Force
	switch {
	case kind == host.Absent:
		return h.Remove(ctx, t.Name, all)
	case inTheWay:
		return h.Supplant(ctx, t.Name, all, make)
	}
	return make(h, t.Name)
}

// write gives the file at t.Name its content.
func (t *Thing) write(ctx context.Context, h host.Host, st host.Stat, meta host.Meta) error {
	new, err := t.Body.Open(ctx, h)
	if err != nil {
		return &resources.AttrError{Attr: "source", Err: err}
	}
	defer new.Close()
	validate := content.Judge(h, t.ValidateCmd)
	if judge := validate; judge != nil { // what is refused does not cost an earlier copy
		validate = func(ctx context.Context, name string) error {
			if err := judge(ctx, name); err != nil {
				return err
			}
			return t.Backup.Keep(ctx, h, t.Name, st)
		}
	} else if err := t.Backup.Keep(ctx, h, t.Name, st); err != nil {
		return err
	}
	return h.WriteFile(ctx, t.Name, host.NewFile{Content: new, Meta: meta, Validate: validate})
}

// link makes t.Name a link to t.Target. Its owner stays what it was unless another is declared.
func (t *Thing) link(ctx context.Context, h host.Host, st host.Stat) error {
	if err := h.Symlink(ctx, t.Target, t.Name); err != nil {
		return err
	}
	meta := host.Meta{UID: t.Owner.UID, GID: t.Owner.GID}
	if st.Kind == host.Symlink && meta.UID == nil {
		meta.UID = &st.UID
	}
	if st.Kind == host.Symlink && meta.GID == nil {
		meta.GID = &st.GID
	}
	if meta.UID == nil && meta.GID == nil {
		return nil
	}
	return h.SetMeta(ctx, t.Name, meta)
}
