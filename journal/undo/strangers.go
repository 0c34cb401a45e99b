package undo

import (
	"context"
	"fmt"
	"path"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/undo/internal/kept"
)

// keepStrangers refuses to remove folders that hold what the run with that token did not make, nor what goes before them with a state that a type keeps.
func (u *Plan) keepStrangers(ctx context.Context, v host.View, types kept.Types, token string) error {
	g := going{names: map[string]bool{}, files: map[fileID]bool{}}
	for i := range u.Steps {
		s := &u.Steps[i]
		if s.Refused != "" {
			continue
		}
		if s.file == nil {
			names, err := types.Takes(ctx, v, s.Addr, s.state)
			if err != nil {
				return err
			}
			for _, name := range names {
				g.names[name] = true
			}
			continue
		}
		if s.file.Before.Kind != host.Absent.String() {
			continue
		}
		name := s.file.Name
		if s.covered { // what is seen of it is what is mounted there, which may not answer
			g.names[name] = true
			continue
		}
		st, err := v.Lstat(name)
		if err != nil {
			return err
		}
		if st.Kind == host.Directory {
			stranger, err := g.stranger(v, name, token)
			if err != nil {
				return err
			}
			if stranger != "" {
				s.Refused = fmt.Sprintf("it holds %s, which the run did not make", stranger)
				continue
			}
		}
		g.names[name] = true
		if st.Kind != host.Absent {
			g.files[fileID{st.Dev, st.Ino}] = true
		}
	}
	return nil
}

// going is what an undo removes before it comes to a folder.
type going struct {
	names map[string]bool
	files map[fileID]bool // the same, whose names there may be others of where a folder is mounted a second time
}

type fileID struct{ dev, ino uint64 }

// stranger is what of a folder does not go; "" if all does.
func (g going) stranger(v host.View, folder, token string) (string, error) {
	for child, err := range v.ReadDir(folder) {
		if err != nil {
			return "", err
		}
		name := path.Join(folder, child)
		if g.names[name] || host.Temporary(child, token) { // these are swept before
			continue
		}
		st, err := v.Lstat(name)
		if err != nil {
			return "", err
		}
		if st.Kind != host.Directory && st.Nlink > 1 || !g.files[fileID{st.Dev, st.Ino}] { // of a further link only the other one goes
			return child, nil
		}
	}
	return "", nil
}
