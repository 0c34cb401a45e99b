package manager

import (
	"context"

	"github.com/nodeapply/apply/host"
)

// Replacing makes a transaction of a manager that writes new configuration files beside those which were changed on the node, under names with
// an ending (".rpmnew"), and puts them in the place of the others if t asks for that. What was beside them before stays there.
func Replacing(ctx context.Context, s *Session, t Transaction, ending string, transaction func() error) error {
	if !t.Replace {
		return transaction()
	}
	before, err := inodes(s, ending)
	if err != nil {
		return err
	}
	if err := transaction(); err != nil {
		return err
	}
	after, err := inodes(s, ending)
	if err != nil {
		return err
	}
	for file, inode := range after {
		if before[file] == inode {
			continue
		}
		if err := takePlace(ctx, s, file, file+ending); err != nil {
			return err
		}
	}
	return nil
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

// takePlace writes what is in from to file, with from's mode and owner, and removes from.
func takePlace(ctx context.Context, s *Session, file, from string) error {
	st, err := s.Lstat(from)
	if err != nil {
		return err
	}
	f, err := s.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.WriteFile(ctx, file, host.NewFile{Content: f, Meta: host.Meta{Mode: &st.Mode, UID: &st.UID, GID: &st.GID}}); err != nil {
		return err
	}
	return s.Remove(ctx, from, false)
}
