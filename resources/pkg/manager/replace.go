package manager

import (
	"context"
	"errors"
	"io/fs"

	"github.com/nodeapply/apply/host"
)

// Endings are those of the names under which a manager puts a file beside a configuration file that was changed on the node.
type Endings struct {
	New string // the package's file, where the node's own stays in its place: ".rpmnew"
	Old string // the node's own, where the package's takes its place: ".rpmsave"; "": the manager never does that to a package that stays
}

// Configured makes a transaction, and afterwards, whatever became of it, the configuration files that it met and that were changed on the node
// are as t asks for: replaced by the package's, or kept with the package's beside them. What was beside them before stays there.
func Configured(ctx context.Context, s *Session, t Transaction, e Endings, transaction func() error) error {
	watched, settle := e.Old, keepOwn
	if t.Replace {
		watched, settle = e.New, takePlace
	}
	if watched == "" {
		return transaction()
	}
	before, err := inodes(s, watched)
	if err != nil {
		return err
	}
	terr := transaction()
	ctx = context.WithoutCancel(ctx) // a transaction that was ended early may have put files aside
	after, err := inodes(s, watched)
	if err != nil {
		return errors.Join(terr, err)
	}
	for file, inode := range after {
		if before[file] == inode {
			continue
		}
		if err := settle(ctx, s, file, e); err != nil {
			return errors.Join(terr, err)
		}
	}
	return terr
}

func inodes(v host.View, ending string) (map[string]uint64, error) {
	files, err := Saved(v, ending)
	if err != nil {
		return nil, err
	}
	list := map[string]uint64{}
	for _, file := range files {
		st, err := v.Lstat(file + ending)
		if err != nil {
			return nil, err
		}
		list[file] = st.Ino
	}
	return list, nil
}

// takePlace puts the package's file in the place of the node's own.
func takePlace(ctx context.Context, s *Session, file string, e Endings) error {
	if err := copyFile(ctx, s, file+e.New, file); err != nil {
		return err
	}
	return s.Remove(ctx, file+e.New, false)
}

// keepOwn puts the node's own file back into its place, and the package's beside it. Without a file in that place the package has gone.
func keepOwn(ctx context.Context, s *Session, file string, e Endings) error {
	switch st, err := s.Lstat(file); {
	case errors.Is(err, fs.ErrNotExist) || err == nil && st.Kind != host.Regular:
		return nil
	case err != nil:
		return err
	}
	if err := copyFile(ctx, s, file, file+e.New); err != nil {
		return err
	}
	if err := copyFile(ctx, s, file+e.Old, file); err != nil {
		return err
	}
	return s.Remove(ctx, file+e.Old, false)
}

// copyFile makes to a file with the content, the mode and the owner of from.
func copyFile(ctx context.Context, s *Session, from, to string) error {
	st, err := s.Lstat(from)
	if err != nil {
		return err
	}
	f, err := s.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.WriteFile(ctx, to, host.NewFile{Content: f, Meta: host.Meta{Mode: &st.Mode, UID: &st.UID, GID: &st.GID}})
}
