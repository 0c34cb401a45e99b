package file

import (
	"context"
	"encoding/base64"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/label"
	"github.com/nodeapply/apply/resources/file/internal/owner"
	"github.com/nodeapply/apply/resources/file/internal/perm"
)

// The values of ensure.
const (
	ensureFile      = "file"
	ensureDirectory = "directory"
	ensureLink      = "link"
	ensureAbsent    = "absent"
	ensurePresent   = "present"
)

const follow = "follow" // of links

// want is what is declared for one name, with all that the node decides looked up.
type want struct {
	name    string // links followed where that is declared
	ensure  string // with its default; "" and "present" take what is there
	body    content.Body
	target  string
	mode    perm.Mode
	owner   owner.Owner
	missing error  // the account or the source that the node does not have, and an earlier resource may bring
	pending string // the source that is missing; its content is declared nevertheless
	label   label.Label
	source  string   // the folder that a tree is copied from
	inTree  bool     // it is in a folder that is managed as a whole
	fresh   bool     // the folder that it is in is yet to be made
	notes   []string // of what was found on the way
}

// ensure returns the declared ensure or what follows from the other attributes.
func (f *File) ensure() string {
	switch {
	case f.Ensure != "" && f.Ensure != ensurePresent:
		return f.Ensure
	case f.Target != "":
		return ensureLink
	case f.Recurse && len(f.Source) > 0:
		return ensureDirectory
	case f.Content != nil, f.ContentBase64 != nil, len(f.Source) > 0:
		return ensureFile
	}
	return f.Ensure
}

// wanted looks up what the node decides: accounts, links, sources.
func (f *File) wanted(ctx context.Context, v host.View) (want, error) {
	w := want{name: path.Clean(f.Path), ensure: f.ensure(), target: f.Target, mode: f.Mode}
	if w.ensure == ensureAbsent {
		return w, nil
	}
	w.owner, w.missing = owner.Declared(ctx, v, string(f.Owner), string(f.Group))
	var err error
	if w.label, err = label.Declared(v, f.SELUser, f.SELRole, f.SELType, f.SELRange); err != nil {
		return w, err
	}
	if f.Links == follow && w.ensure != ensureLink {
		name, _, err := host.Resolve(v, w.name)
		if err != nil {
			return w, err
		}
		w.name = name
	}
	switch w.ensure {
	case ensureFile, ensureDirectory:
		return w, f.contents(v, &w)
	}
	return w, nil
}

// contents finds out where the content of a file, or the tree of a folder, comes from.
func (f *File) contents(v host.View, w *want) error {
	switch {
	case f.Content != nil:
		w.body = content.Body{Attr: "content", Text: *f.Content}
		return nil
	case f.ContentBase64 != nil:
		text, err := base64.StdEncoding.DecodeString(*f.ContentBase64)
		if err != nil {
			return &resources.AttrError{Attr: "content_base64", Err: err}
		}
		w.body = content.Body{Attr: "content_base64", Text: string(text)}
		return nil
	case len(f.Source) == 0:
		return nil
	}
	kind := host.Regular
	if w.ensure == ensureDirectory {
		kind = host.Directory
	}
	sum, err := content.ParseChecksum(f.ChecksumValue)
	if err != nil {
		return &resources.AttrError{Attr: "checksum_value", Err: err}
	}
	chosen, found, err := content.Choose(v, f.Source, sum, kind, f.Recurse)
	if err != nil {
		return &resources.AttrError{Attr: "source", Err: err}
	}
	if found {
		w.body, w.source = chosen.Body, chosen.Folder
		if chosen.Note != "" {
			w.notes = append(w.notes, "source: "+chosen.Note)
		}
		return nil
	}
	w.pending = strings.Join(f.Source, ", ")
	if w.missing == nil {
		w.missing = &resources.AttrError{Attr: "source", Err: content.None(v, f.Source)}
	}
	return nil
}
