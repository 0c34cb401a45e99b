package undo

import (
	"context"
	"path"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/journal/internal/since"
	"github.com/nodeapply/apply/resources"
)

// sayOnce drops that a resource as a whole cannot be taken back where its files say why.
func (u *Plan) sayOnce() {
	files := map[resources.Address]bool{}
	for _, s := range u.Steps {
		files[s.Addr] = files[s.Addr] || s.file != nil
	}
	u.Steps = slices.DeleteFunc(u.Steps, func(s Step) bool { return s.file == nil && s.state == nil && files[s.Addr] })
}

// keepTogether refuses all of a resource of which its type keeps a state where a part of it is refused, and all of those that share a file with it: a
// mount whose entry is back in fstab, or the reverse, is neither as the run left it nor as it was before. Files without such a state stand for themselves.
func (u *Plan) keepTogether(ops []record.Step) {
	stateful, touches := map[resources.Address]bool{}, map[string][]resources.Address{}
	for _, st := range ops {
		switch {
		case st.Begin != nil && st.Begin.Restorable():
			stateful[st.Begin.Addr.Address()] = true
		case st.Op != nil:
			touches[string(st.Op.Name)] = append(touches[string(st.Op.Name)], st.Op.Addr.Address())
		}
	}
	owners := func(s *Step) []resources.Address {
		all := []resources.Address{s.Addr}
		if s.file != nil {
			all = append(all, touches[s.file.Name]...)
		}
		return slices.DeleteFunc(all, func(a resources.Address) bool { return !stateful[a] })
	}
	refused := map[resources.Address]string{} // by which of their steps
	for again := true; again; {
		again = false
		for i := range u.Steps {
			s := &u.Steps[i]
			for _, a := range owners(s) {
				by, is := refused[a]
				switch {
				case s.Refused != "" && !is:
					refused[a], again = s.What, true
				case s.Refused == "" && is:
					s.Refused, again = "it belongs together with "+by+", which is refused", true
				}
			}
		}
	}
}

// from are the steps from the first one at which a type restores a state.
func (u *Plan) from(typ string) []Step {
	first := slices.IndexFunc(u.Steps, func(s Step) bool { return s.Addr.Type == typ && s.state != nil && s.Refused == "" })
	if first < 0 {
		return nil
	}
	return u.Steps[first:]
}

// uncover lets folders go on which the run has mounted something: what is seen of them now is what is mounted there, and that goes before them.
func (u *Plan) uncover(ctx context.Context, v host.View) error {
	steps := u.from("mount")
	if len(steps) == 0 {
		return nil
	}
	mounts, err := v.Mounts(ctx)
	if err != nil {
		return err
	}
	for i := range steps {
		s := &steps[i]
		if s.file != nil {
			s.covered = slices.ContainsFunc(mounts, func(m host.Mount) bool { return m.Point == s.file.Name })
		}
		if s.covered {
			s.Refused = ""
		}
	}
	return nil
}

// await lets files go on whose folder is not there, where a user is restored before them: the home in which they are may come back with the user.
func (u *Plan) await(v host.View) error {
	steps := u.from("user")
	for i := range steps {
		s := &steps[i]
		if s.file == nil || s.file.After == nil || s.Refused != since.Changed {
			continue
		}
		st, err := v.Lstat(path.Dir(s.file.Name))
		if err != nil {
			return err
		}
		if st.Kind == host.Absent {
			s.Refused, s.file.Late = "", true
		}
	}
	return nil
}

// keepApart refuses what was in a folder that does not come back.
func (u *Plan) keepApart(apart *image.Apart) error {
	refused := map[string]bool{}
	for i := range u.Steps {
		s := &u.Steps[i]
		if s.file == nil {
			continue
		}
		if s.Refused == "" {
			folder, err := apart.Behind(s.file.Name)
			if err != nil {
				return err
			}
			if refused[folder] {
				s.Refused = "it belongs into " + folder + ", which is refused"
			}
		}
		refused[s.file.Name] = s.Refused != ""
	}
	return nil
}
