package file

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
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
	case f.Recurse:
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
	found, err := f.chooseSource(v, w)
	if err != nil {
		return &resources.AttrError{Attr: "source", Err: err}
	}
	if !found {
		w.pending = strings.Join(f.Source, ", ")
		if w.missing == nil {
			w.missing = &resources.AttrError{Attr: "source", Err: f.noSource(v)}
		}
	}
	return nil
}

// chooseSource takes the first source that exists; found is false if none does. An address is taken to exist until it is asked.
func (f *File) chooseSource(v host.View, w *want) (found bool, _ error) {
	sum, _ := content.ParseChecksum(f.ChecksumValue)
	for i, source := range f.Source {
		if content.IsRemote(source) {
			w.body = content.Body{Attr: "source", URLs: f.Source[i:], Sum: sum}
			return true, nil
		}
		name, st, file, err := find(v, path.Clean(content.LocalPath(source)))
		if err != nil {
			return false, err
		}
		if file != nil && w.ensure != ensureFile {
			_ = file.Close()
		}
		switch {
		case st.Kind == host.Absent:
			continue
		case st.Kind == host.Directory && w.ensure == ensureDirectory:
			w.source = name
		case st.Kind == host.Regular && w.ensure == ensureFile:
			w.body = content.Body{Attr: "source", Path: name, Size: st.Size, File: file, Sum: sum}
		case st.Kind == host.Regular && !f.Recurse:
			w.notes = append(w.notes, fmt.Sprintf("source: %s is a file and ensure is directory: nothing is copied", source))
		case st.Kind == host.Directory:
			return false, fmt.Errorf("%s is a directory: it needs ensure = \"directory\" and recurse = true", source)
		default:
			return false, fmt.Errorf("%s is a %s and cannot be copied", source, st.Kind)
		}
		return true, nil
	}
	return false, nil
}

// find is [host.Resolve] of what is likely to be read: a regular file at name itself is open.
func find(v host.View, name string) (string, host.Stat, host.File, error) {
	file, err := v.Open(name)
	var other *host.NotFileError
	switch {
	case err == nil:
		return name, file.Stat(), file, nil
	case errors.As(err, &other) && other.Stat.Kind != host.Symlink:
		return name, other.Stat, nil, nil
	}
	name, st, err := host.Resolve(v, name)
	return name, st, nil, err
}

const lookedAt = 1000 // names of a folder, in search of one that was meant

// noSource says that none of the sources exists, and what may be meant.
func (f *File) noSource(v host.View) error {
	if len(f.Source) > 1 {
		return fmt.Errorf("none of the sources exists: %s", strings.Join(f.Source, ", "))
	}
	name := path.Clean(content.LocalPath(f.Source[0]))
	var names []string
	for entry, err := range v.ReadDir(path.Dir(name)) {
		if err != nil || len(names) == lookedAt {
			break
		}
		names = append(names, entry)
	}
	if near := resources.Nearest(path.Base(name), names); near != "" {
		return fmt.Errorf("%s: does not exist; did you mean `%s`?", name, path.Join(path.Dir(name), near))
	}
	return fmt.Errorf("%s: does not exist", name)
}
