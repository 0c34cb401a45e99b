package file

import (
	"context"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// bring removes the differences d at one name.
func (f *File) bring(ctx context.Context, h host.Host, w *want, d resources.Diff) error {
	if d.Empty() {
		return nil
	}
	st, err := h.Lstat(w.name)
	if err != nil {
		return err
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
		meta.UID = w.uid
	}
	if d.Has("group") {
		meta.GID = w.gid
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
		if err := f.mayBecome(ctx, h, w, st, kind); err != nil {
			return err
		}
	}
	if err := f.backup(ctx, h, w.name, st); err != nil {
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
	meta := host.Meta{UID: w.uid, GID: w.gid}
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
		if err := f.backup(ctx, h, w.name, st); err != nil {
			return err
		}
	}
	new, err := w.body.Open(ctx, h)
	if err != nil {
		return &resources.AttrError{Attr: "source", Err: err}
	}
	defer new.Close()
	return h.WriteFile(ctx, w.name, host.NewFile{Content: new, Meta: meta, Validate: f.validator(h)})
}

// link makes w.name a link to w.target. Its owner stays what it was unless another is declared.
func (f *File) link(ctx context.Context, h host.Host, w *want, st host.Stat) error {
	if err := h.Symlink(ctx, w.target, w.name); err != nil {
		return err
	}
	meta := host.Meta{UID: w.uid, GID: w.gid}
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

// backup copies a file or a link that is about to be replaced or removed to the name beside it that the manifest asks for.
func (f *File) backup(ctx context.Context, h host.Host, name string, st host.Stat) error {
	ending, ok := f.Backup.ending()
	if !ok {
		return nil
	}
	if err := copyTo(ctx, h, name, st, name+ending); err != nil {
		return &resources.AttrError{Attr: "backup", Err: err}
	}
	return nil
}

// copyTo makes copied what name is: a file with owner, mode and attributes, or a link. Of anything else there is no copy.
func copyTo(ctx context.Context, h host.Host, name string, st host.Stat, copied string) error {
	switch st.Kind {
	case host.Symlink:
		target, err := h.Readlink(name)
		if err != nil {
			return err
		}
		return h.Symlink(ctx, target, copied)
	case host.Regular:
		if st.Size > storeCap {
			return fmt.Errorf("%s is larger than 1 GiB; old content kept", name)
		}
		old, err := h.Open(name)
		if err != nil {
			return err
		}
		defer old.Close()
		xattrs, err := old.Xattrs()
		if err != nil {
			return err
		}
		st = old.Stat() // of this content, whatever is at the name by now
		meta := host.Meta{Mode: &st.Mode, UID: &st.UID, GID: &st.GID, Xattrs: xattrs}
		return h.WriteFile(ctx, copied, host.NewFile{Content: old, Meta: meta})
	}
	return nil
}

// validator returns what judges the new file before it becomes visible.
func (f *File) validator(v host.View) func(context.Context, string) error {
	if f.ValidateCmd == "" {
		return nil
	}
	return func(ctx context.Context, name string) error {
		line := strings.NewReplacer("%%", "%", "%", shellWord(name)).Replace(f.ValidateCmd)
		out, err := v.Query(ctx, host.Cmd{Args: []string{"/bin/sh", "-c", line}})
		if err != nil {
			return &resources.AttrError{Attr: "validate_cmd", Err: err}
		}
		if out.ExitCode != 0 {
			tail := append(out.Stdout, out.Stderr...)
			tail = tail[max(0, len(tail)-4<<10):]
			return &resources.AttrError{Attr: "validate_cmd", Err: &resources.CommandError{
				ExitCode: out.ExitCode, Tail: strings.TrimRight(strings.ToValidUTF8(string(tail), "\ufffd"), "\n"),
			}}
		}
		return nil
	}
}

// shellWord writes a name so that a shell reads it as one word.
func shellWord(name string) string {
	special := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@", r))
	}
	if strings.IndexFunc(name, special) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
