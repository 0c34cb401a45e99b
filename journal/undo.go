package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/resources"
)

// Undo is what an undo of a run would do, in the order in which it would do it: the reverse of the run.
type Undo struct {
	Run   string
	Steps []UndoStep
}

// UndoStep takes back one change.
type UndoStep struct {
	Addr resources.Address
	What string // "file /etc/motd", "state of service.ntp"
	// Refused says why this cannot be taken back, "" if it can.
	Refused string
	// Lasting says that it is refused because nothing is there to put back, such as of what a command did: it holds up none of the others.
	Lasting bool

	op     *opRecord
	before json.RawMessage
}

// PlanUndo reads what run id changed and compares it with the node. What has changed since is refused.
func (s *State) PlanUndo(v host.View, id string) (*Undo, error) {
	p, dmg, err := s.read(id)
	if err != nil {
		return nil, err
	}
	if dmg != nil && !dmg.Torn {
		return nil, fmt.Errorf("the journal of run %s is damaged: %w", id, dmg.Err)
	}
	if by, err := s.undoneBy(id); err != nil || by != "" {
		return nil, errors.Join(err, fmt.Errorf("run %s was undone already, by run %s", id, by))
	}
	u := &Undo{Run: id}
	touched := p.touched()
	for _, st := range p.ops {
		if st.begin != nil && !touched(st.begin.Addr.address()) {
			continue // announced, and given up before anything was done
		}
		step, ok, err := s.undoStep(v, st)
		if err != nil {
			return nil, err
		}
		if ok {
			u.Steps = append(u.Steps, step)
		}
	}
	slices.Reverse(u.Steps)
	u.sayOnce()
	return u, u.keepStrangers(v)
}

// sayOnce drops that a resource as a whole cannot be taken back where its files say why.
func (u *Undo) sayOnce() {
	files := map[resources.Address]bool{}
	for _, s := range u.Steps {
		files[s.Addr] = files[s.Addr] || s.op != nil
	}
	u.Steps = slices.DeleteFunc(u.Steps, func(s UndoStep) bool { return s.op == nil && s.before == nil && files[s.Addr] })
}

// keepStrangers refuses to remove folders that hold what the run did not make.
func (u *Undo) keepStrangers(v host.View) error {
	removed := map[string]bool{}
	for i := range u.Steps {
		s := &u.Steps[i]
		if s.op == nil || s.Refused != "" || s.op.Pre.Kind != host.Absent.String() {
			continue
		}
		name := string(s.op.Name)
		removed[name] = true
		st, err := v.Lstat(name)
		if err != nil {
			return err
		}
		if st.Kind != host.Directory {
			continue
		}
		for child, err := range v.ReadDir(name) {
			if err != nil {
				return err
			}
			if !removed[path.Join(name, child)] {
				s.Refused = fmt.Sprintf("it holds %s, which the run did not make", child)
				delete(removed, name)
				break
			}
		}
	}
	return nil
}

// LastChange is the id of the run that an undo is of where none is named: the last one that changed something. Where that is an undo that did not come
// to its end, it is the run that it undid: the rest of it is left to be done.
func (s *State) LastChange(v host.View) (string, error) {
	ids, err := s.Journals()
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		p, dmg, err := s.read(id)
		if err != nil {
			return "", err
		}
		if _, ended := s.closed(id); !ended && slices.Contains(ids, p.head.Undoes) {
			return p.head.Undoes, nil
		}
		changed, err := p.changed(v)
		if err != nil || changed || dmg != nil {
			return id, err
		}
	}
	return "", errors.New("no run that changed something is on record")
}

// undoneBy returns the id of the run that undid run id and came to its end.
func (s *State) undoneBy(id string) (string, error) {
	ids, err := s.Journals()
	if err != nil {
		return "", err
	}
	for _, other := range ids {
		if other <= id {
			break
		}
		if p, ended := s.closed(other); ended && p.head.Undoes == id {
			return other, nil
		}
	}
	return "", nil
}

func (s *State) undoStep(v host.View, st step) (UndoStep, bool, error) {
	switch {
	case st.begin != nil && len(st.begin.Before) > 0 && string(st.begin.Before) != "null":
		a := st.begin.Addr.address()
		return UndoStep{Addr: a, What: "state of " + a.String(), before: st.begin.Before}, true, nil
	case st.begin != nil && st.begin.Irreversible:
		a := st.begin.Addr.address()
		reason := "it cannot be taken back"
		if a.Type == "exec" {
			reason = "a command cannot be taken back"
		}
		return UndoStep{Addr: a, What: a.String(), Refused: reason, Lasting: true}, true, nil
	case st.op == nil || st.op.Pre == nil:
		return UndoStep{}, false, nil
	}
	step := UndoStep{Addr: st.op.Addr.address(), What: "file " + string(st.op.Name), op: st.op}
	now, err := image.TraceOf(v, string(st.op.Name))
	if err != nil {
		return step, false, err
	}
	if st.after == nil || !now.Same(*st.after) {
		// Announced, and not done before the run died; or put back already.
		if before, err := st.op.Pre.Is(v, string(st.op.Name)); err != nil || before {
			return step, false, err
		}
	}
	switch {
	case st.after == nil:
		step.Refused = "the run died in the middle of it"
	case !now.Same(*st.after):
		step.Refused = "it has changed since"
	case st.op.Pre.Missing != "":
		step.Refused, step.Lasting = "its content was not kept: "+st.op.Pre.Missing, true
	}
	return step, true, nil
}

// Refused counts the steps that cannot be taken back, and those of them that hold up the others.
func (u *Undo) Refused() (all, blocking int) {
	for _, s := range u.Steps {
		if s.Refused == "" {
			continue
		}
		all++
		if !s.Lasting {
			blocking++
		}
	}
	return all, blocking
}

// Apply takes one step back, through h. Of a type's own state restore is asked.
func (s *State) Apply(ctx context.Context, h host.Host, step UndoStep, restore func(a resources.Address) (resources.Restorer, error)) error {
	if step.Refused != "" {
		return errors.New(step.Refused)
	}
	if step.op == nil {
		r, err := restore(step.Addr)
		if err != nil {
			return err
		}
		return r.Restore(ctx, h, step.before)
	}
	return s.images.PutBack(ctx, h, string(step.op.Name), *step.op.Pre)
}
