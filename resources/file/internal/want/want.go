// Package want is what is wanted at one name of a node: how what is there differs from it, and how it is brought there.
package want

import (
	"errors"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/file/internal/backup"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/label"
	"github.com/nodeapply/apply/resources/file/internal/owner"
	"github.com/nodeapply/apply/resources/file/internal/perm"
)

// The values of Ensure.
const (
	File      = "file"
	Directory = "directory"
	Link      = "link"
	Absent    = "absent"
	Present   = "present"
)

// Thing is what is wanted at one name, with all that the node decides looked up. What is not set is not managed.
type Thing struct {
	Name    string
	Ensure  string // "" and Present take what is there; of nothing, Present makes a file
	Body    content.Body
	Target  string
	Mode    perm.Mode
	Owner   owner.Owner
	Label   label.Label
	Pending string   // the sources of the content that are missing
	Missing error    // why it cannot be brought: an account or a source that an earlier resource may make
	InTree  bool     // it is in a folder that is managed as a whole
	Fresh   bool     // the folder that it is in is yet to be made
	Notes   []string // of what was found on the way
	Terms
}

// Terms are how a thing is brought, and what that is allowed to cost.
type Terms struct {
	Replace     bool // content or target of what is there
	Force       bool // a folder that is not empty may go
	Backup      backup.To
	ValidateCmd string
	ShowDiff    bool
}

// Found is what is at a name.
type Found struct {
	host.Stat
	File host.File // it, where it is open already
}

// Close closes the file if it is open.
func (f Found) Close() {
	if f.File != nil {
		_ = f.File.Close()
	}
}

// Becomes says what kind of thing is to be where there is a thing of the kind is.
func (t *Thing) Becomes(is host.Kind) host.Kind {
	keep := !t.Replace && is != host.Absent && is != host.Directory
	switch {
	case t.Ensure == Absent:
		return host.Absent
	case t.Ensure == File && !keep:
		return host.Regular
	case t.Ensure == Link && !keep:
		return host.Symlink
	case t.Ensure == Directory:
		return host.Directory
	case t.Ensure == Present && is == host.Absent:
		return host.Regular
	}
	return is
}

// Look returns what is at the name: a file whose content is likely to be compared is open.
func (t *Thing) Look(v host.View) (Found, error) {
	if t.Ensure == File && t.Body.Attr != "" {
		file, err := v.Open(t.Name)
		var other *host.NotFileError
		switch {
		case err == nil:
			return Found{file.Stat(), file}, nil
		case errors.As(err, &other):
			return Found{Stat: other.Stat}, nil
		}
	}
	st, err := v.Lstat(t.Name)
	return Found{Stat: st}, err
}

const (
	newFileMode   = 0o644
	newFolderMode = 0o755
)

// modeFor is the mode of a thing of that kind that is made of what st is, or stays it.
func (t *Thing) modeFor(st host.Stat, kind host.Kind) uint32 {
	before := uint32(newFileMode) // which a symbolic mode changes
	switch {
	case st.Kind == kind:
		before = st.Mode
	case kind == host.Directory:
		before = newFolderMode
	}
	return t.Mode.Of(kind, before)
}
