// Package flags looks for what stops root too, flags of chattr(1) and how a file is mounted, before something is tried that they forbid.
package flags

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
)

// Changeable finds, before anything is tried, what would keep op from being made of the file that is has been found as: an error, or nil. That are flags of
// chattr(1), a file system that is read-only, a mount point, which can only be written in place, and where content is written a link that somebody else may have planted.
// Where nothing is, it says that a new file or link can be made in an append-only folder, and a folder or what a command makes, which are renamed as they are made, cannot.
func Changeable(r host.FileReader, is host.Stat, op host.Op) error {
	if op.Kind == host.OpWrite && is.Planted != "" {
		return errors.New(is.Planted)
	}
	folder := is.Folder
	if is.Kind != host.Absent {
		own, above, err := r.Flags(op.Name)
		if err != nil {
			return err
		}
		if err := because(op, "it", own); err != nil || op.Kind == host.OpMeta {
			return err
		}
		if own.Mounted && op.Kind != host.OpWrite {
			return fmt.Errorf("%s: %w: it is a mount point%s", op.Name, unix.EBUSY, kept(op))
		}
		folder = above
	} else if op.Kind != host.OpMkdir && op.Kind != host.OpRun {
		folder.AppendOnly = false
	}
	if err := because(op, "the folder that it is in", folder); err != nil || !op.All {
		return err
	}
	return removable(r, op.Name)
}

// Change is Changeable of a change of that kind of what is at a name now.
func Change(r host.FileReader, kind host.OpKind, name string) error {
	is, err := r.Lstat(name)
	if err != nil {
		return err
	}
	return Changeable(r, is, host.Op{Kind: kind, Name: name, Absent: is.Kind == host.Absent})
}

// removable is Changeable of the removal of all that is in the folder name.
func removable(r host.FileReader, name string) error {
	for base, err := range r.ReadDir(name) {
		if errors.Is(err, fs.ErrNotExist) { // somebody removes it too
			return nil
		}
		if err != nil {
			return err
		}
		below := path.Join(name, base)
		if len(below) >= host.PathMax {
			return nil
		}
		own, _, err := r.Flags(below)
		if err == nil {
			err = because(host.Op{Kind: host.OpRemove, Name: below}, "it", own)
		}
		if err != nil {
			return err
		}
		st, err := r.Lstat(below)
		if err == nil && st.Kind == host.Directory {
			err = removable(r, below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// because says that op cannot be made because what, at op's name, has the flags; nil if none of them forbids it.
func because(op host.Op, what string, f host.Flags) error {
	letter := "i"
	switch {
	case f.ReadOnly && what != "it":
		return fmt.Errorf("%s: %w%s", path.Dir(op.Name), unix.EROFS, kept(op))
	case f.ReadOnly:
		return fmt.Errorf("%s: %w%s", op.Name, unix.EROFS, kept(op))
	case f.String() == "":
		return nil
	case !f.Immutable:
		letter = "a"
	}
	return fmt.Errorf("%s: %w: %s is %s; `chattr -%s` takes that off%s", op.Name, unix.EPERM, what, f, letter, kept(op))
}

// kept says what of the file is as it was.
func kept(op host.Op) string {
	switch {
	case op.Absent || op.Kind == host.OpMeta:
		return ""
	case op.Kind == host.OpRemove:
		return "; nothing removed"
	}
	return "; old content kept"
}
