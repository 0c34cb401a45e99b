// Package backup is what becomes of the content that a file had.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Kept says whether the journal keeps what st is, so that an undo can put it back.
func Kept(st host.Stat) bool {
	switch st.Kind {
	case host.Absent, host.Directory, host.Symlink:
		return true
	}
	return st.Kind == host.Regular && st.Size <= host.KeptSize
}

// KeptWhole is [Kept] of what st is and, where that is a folder, of all that is in it.
func KeptWhole(v host.View, name string, st host.Stat) (bool, error) {
	room := host.KeptNames
	return keptWhole(v, name, st, &room)
}

// keptWhole takes the names that it sees from room.
func keptWhole(v host.View, name string, st host.Stat, room *int) (bool, error) {
	if *room--; *room < 0 || !Kept(st) {
		return false, nil
	}
	if st.Kind != host.Directory {
		return true, nil
	}
	for base, err := range v.ReadDir(name) {
		if errors.Is(err, fs.ErrNotExist) { // somebody removes it too
			break
		}
		if err != nil {
			return false, err
		}
		below := path.Join(name, base)
		if len(below) >= host.PathMax {
			return false, nil
		}
		st, err := v.Lstat(below)
		if err != nil {
			return false, err
		}
		if kept, err := keptWhole(v, below, st, room); err != nil || !kept {
			return false, err
		}
	}
	return true, nil
}

// To says where the earlier content of a file goes: "true", "false", or the ending of a copy beside the file.
type To string

// The values of backup that are not an ending.
const (
	Store To = "true"
	None  To = "false"
)

// UnmarshalAttr accepts a boolean or an ending.
func (t *To) UnmarshalAttr(v any) error {
	var s resources.Scalar
	if err := s.UnmarshalAttr(v); err != nil {
		return err
	}
	*t = To(s)
	return t.Check()
}

// Check finds what is wrong with it.
func (t To) Check() error {
	if ending, ok := t.Ending(); ok && (!strings.HasPrefix(ending, ".") || len(ending) < 2 || strings.ContainsAny(ending, "/\x00")) {
		return errors.New(`want true, false, or an ending that begins with a dot, such as ".bak"`)
	}
	return nil
}

// Ending returns what a copy's name ends in; ok is false if there is to be none.
func (t To) Ending() (ending string, ok bool) {
	return string(t), t != Store && t != None && t != ""
}

// Keep copies a file or a link that is about to be replaced or removed to the name beside it that t asks for, if it does.
func (t To) Keep(ctx context.Context, h host.Host, name string, st host.Stat) error {
	ending, ok := t.Ending()
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
		if st.Size > host.KeptSize {
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
		meta := host.Meta{Mode: &st.Mode, UID: &st.UID, GID: &st.GID, Xattrs: host.OwnACLs(xattrs)}
		return h.WriteFile(ctx, copied, host.NewFile{Content: old, Meta: meta})
	}
	return nil
}
