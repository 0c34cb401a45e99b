package file

import (
	"context"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/label"
	"github.com/nodeapply/apply/resources/file/internal/owner"
	"github.com/nodeapply/apply/resources/file/internal/want"
)

const follow = "follow" // of links

// ensure returns the declared ensure or what follows from the other attributes.
func (f *File) ensure() string {
	switch {
	case f.Ensure != "" && f.Ensure != want.Present:
		return f.Ensure
	case f.Target != "":
		return want.Link
	case f.Recurse && len(f.Source) > 0:
		return want.Directory
	case f.Content != nil, f.ContentBase64 != nil, len(f.Source) > 0:
		return want.File
	}
	return f.Ensure
}

// wanted looks up what the node decides: accounts, links, sources. From is the folder that a tree is copied from.
func (f *File) wanted(ctx context.Context, v host.View) (w want.Thing, from string, err error) {
	w = want.Thing{Name: path.Clean(f.Path), Ensure: f.ensure(), Target: f.Target, Mode: f.Mode}
	w.Terms = want.Terms{Replace: f.Replace, Force: f.Force, Backup: f.Backup, ValidateCmd: f.ValidateCmd, ShowDiff: f.ShowDiff}
	if w.Ensure == want.Absent {
		return w, "", nil
	}
	w.Owner, w.Missing = owner.Declared(ctx, v, string(f.Owner), string(f.Group))
	if w.Label, err = label.Declared(v, f.SELUser, f.SELRole, f.SELType, f.SELRange); err != nil {
		return w, "", err
	}
	if f.Links == follow && w.Ensure != want.Link {
		if w.Name, _, err = host.Resolve(v, w.Name); err != nil {
			return w, "", err
		}
	}
	switch w.Ensure {
	case want.File, want.Directory:
		from, err = f.contents(v, &w)
	}
	return w, from, err
}

// noteOther says of what a link at the path leads to that another resource manages it, too: where the two differ, each run would bring it to the one and the other.
func (f *File) noteOther(name string, d *resources.Diff) {
	if name == path.Clean(f.Path) || d.Empty() || f.managed == nil {
		return
	}
	if _, found := slices.BinarySearch(f.managed().Paths, name); found {
		d.Notes = append(d.Notes, fmt.Sprintf("%s leads to %s, which another resource manages, too: declare all of it in one of the two", f.Path, name))
	}
}

// contents finds out where the content of a file, or the tree of a folder, comes from.
func (f *File) contents(v host.View, w *want.Thing) (from string, err error) {
	switch {
	case f.Content != nil:
		w.Body = content.Body{Attr: "content", Text: *f.Content}
		return "", nil
	case f.ContentBase64 != nil:
		text, err := base64.StdEncoding.DecodeString(*f.ContentBase64)
		if err != nil {
			return "", &resources.AttrError{Attr: "content_base64", Err: err}
		}
		w.Body = content.Body{Attr: "content_base64", Text: string(text)}
		return "", nil
	case len(f.Source) == 0:
		return "", nil
	}
	kind := host.Regular
	if w.Ensure == want.Directory {
		kind = host.Directory
	}
	sum, err := content.ParseChecksum(f.ChecksumValue)
	if err != nil {
		return "", &resources.AttrError{Attr: "checksum_value", Err: err}
	}
	chosen, found, err := content.Choose(v, f.Source, sum, kind, f.Recurse)
	if err != nil {
		return "", &resources.AttrError{Attr: "source", Err: err}
	}
	if found {
		w.Body = chosen.Body
		if chosen.Note != "" {
			w.Notes = append(w.Notes, "source: "+chosen.Note)
		}
		return chosen.Folder, nil
	}
	w.Pending = strings.Join(f.Source, ", ")
	if w.Missing == nil {
		w.Missing = &resources.AttrError{Attr: "source", Err: content.None(v, f.Source)}
	}
	return "", nil
}
