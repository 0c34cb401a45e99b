package undo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/journal/internal/since"
	"github.com/nodeapply/apply/resources"
)

// Plan is what an undo of a run would do, in the order in which it would do it: the reverse of the run.
type Plan struct {
	Run   string
	Steps []Step

	folders map[string]bool // that were there before the run changed them
}

// apart is what an undo goes by: where the run has put a link in the place of a folder, what was in the folder is not what the link leads to.
func (u *Plan) apart(v host.View) *image.Apart {
	return image.NewApart(v, func(name string) bool { return u.folders[name] })
}

// Step takes back one change.
type Step struct {
	Addr resources.Address
	What string // "file /etc/motd", "state of service.ntp"
	// Refused says why this cannot be taken back, "" if it can.
	Refused string
	// Lasting says that it is refused because nothing is there to put back, such as of what a command did: it holds up none of the others.
	Lasting bool

	op      *record.Op
	unit    *record.Op // to be done again
	owes    []resources.Address
	before  json.RawMessage
	covered bool // something is mounted there that goes before it
	after   *image.Trace
	late    bool // whether it is as after says is seen when its turn comes: its folder comes back before it
}

// PlanOf reads what run id changed and compares it with the node; of the states that they keep themselves types are asked. What has changed since is refused.
func PlanOf(ctx context.Context, state *journal.State, v host.View, types []resources.Type, id string) (*Plan, error) {
	journals := record.In(state.Dir())
	p, dmg, err := journals.Read(id)
	if err != nil {
		return nil, err
	}
	if dmg != nil && !dmg.Torn {
		return nil, fmt.Errorf("the journal of run %s is damaged: %w", id, dmg.Err)
	}
	undos, err := attemptsAt(journals, id)
	switch {
	case err != nil:
		return nil, err
	case undos.by != "":
		return nil, fmt.Errorf("run %s was undone already, by run %s", id, undos.by)
	}
	u := &Plan{Run: id, folders: map[string]bool{}}
	for _, st := range p.Ops {
		if st.Op != nil && st.Op.Pre != nil && st.Op.Pre.Kind == host.Directory.String() {
			u.folders[string(st.Op.Name)] = true
		}
	}
	touched, left, apart := touchedBy(p), since.Of(journals, id, p.End), u.apart(v)
	for _, st := range p.Ops {
		if st.Begin != nil && !touched(st.Begin.Addr.Address()) {
			continue // announced, and given up before anything was done
		}
		var step Step
		var ok bool
		if st.Begin != nil && st.Begin.Restorable() {
			step, ok = undos.stateStep(ctx, v, types, st)
		} else if step, ok, err = stepOf(apart, left, st); err != nil {
			return nil, err
		}
		if ok {
			u.Steps = append(u.Steps, step)
		}
	}
	slices.Reverse(u.Steps)
	u.sayOnce()
	u.keepTogether(p.Ops)
	if err := errors.Join(u.uncover(ctx, v), u.await(v), u.keepApart(apart), u.keepStrangers(ctx, v, types, p.Head.Token)); err != nil {
		return nil, err
	}
	u.notify(p.Ops)
	return u, nil
}

// keepApart refuses what was in a folder that does not come back.
func (u *Plan) keepApart(apart *image.Apart) error {
	refused := map[string]bool{}
	for i := range u.Steps {
		s := &u.Steps[i]
		if s.op == nil {
			continue
		}
		folder, err := apart.Behind(string(s.op.Name))
		if err != nil {
			return err
		}
		if s.Refused == "" && refused[folder] {
			s.Refused = "it belongs into " + folder + ", which is refused"
		}
		refused[string(s.op.Name)] = s.Refused != ""
	}
	return nil
}

// uncover lets folders go on which the run has mounted something: what is seen of them now is what is mounted there, and that goes before them.
func (u *Plan) uncover(ctx context.Context, v host.View) error {
	first := slices.IndexFunc(u.Steps, func(s Step) bool { return s.Addr.Type == "mount" && s.before != nil && s.Refused == "" })
	if first < 0 {
		return nil
	}
	mounts, err := v.Mounts(ctx)
	if err != nil {
		return err
	}
	for i := range u.Steps[first:] {
		s := &u.Steps[first+i]
		if s.op != nil {
			s.covered = slices.ContainsFunc(mounts, func(m host.Mount) bool { return m.Point == string(s.op.Name) })
		}
		if s.covered {
			s.Refused = ""
		}
	}
	return nil
}

// await lets files go on whose folder is not there, where a user is restored before them: the home in which they are may come back with the user.
func (u *Plan) await(v host.View) error {
	first := slices.IndexFunc(u.Steps, func(s Step) bool { return s.Addr.Type == "user" && s.before != nil && s.Refused == "" })
	if first < 0 {
		return nil
	}
	for i := range u.Steps[first:] {
		s := &u.Steps[first+i]
		if s.op == nil || s.after == nil || s.Refused != since.Changed {
			continue
		}
		st, err := v.Lstat(path.Dir(string(s.op.Name)))
		if err != nil {
			return err
		}
		if st.Kind == host.Absent {
			s.Refused, s.late = "", true
		}
	}
	return nil
}

// sayOnce drops that a resource as a whole cannot be taken back where its files say why.
func (u *Plan) sayOnce() {
	files := map[resources.Address]bool{}
	for _, s := range u.Steps {
		files[s.Addr] = files[s.Addr] || s.op != nil
	}
	u.Steps = slices.DeleteFunc(u.Steps, func(s Step) bool { return s.op == nil && s.before == nil && files[s.Addr] })
}

// LastChange is the id of the run that an undo is of where none is named: the last one that changed something. Where that is an undo that did not come
// to its end, it is the run that it undid: the rest of it is left to be done.
func LastChange(state *journal.State, v host.View) (string, error) {
	journals := record.In(state.Dir())
	ids, err := journals.IDs()
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		p, dmg, err := journals.Read(id)
		if err != nil {
			return "", err
		}
		if _, ended := journals.Closed(id); !ended && slices.Contains(ids, p.Head.Undoes) {
			return p.Head.Undoes, nil
		}
		some, err := changedBy(v, p)
		if err != nil || some || dmg != nil {
			return id, err
		}
	}
	return "", errors.New("no run that changed something is on record")
}

// touchedBy tells of which resources a change of the node is announced. Those that a command changed together have it under one of their names.
func touchedBy(p record.Past) func(a resources.Address) bool {
	own, together := map[resources.Address]bool{}, map[string]bool{}
	for _, st := range p.Ops {
		if st.Op != nil {
			own[st.Op.Addr.Address()] = true
			together[st.Op.Addr.Type] = together[st.Op.Addr.Type] || st.Op.Kind == string(host.OpRun)
		}
	}
	return func(a resources.Address) bool { return own[a] || together[a.Type] }
}

// changedBy says whether a run changed anything: not where all that it announced failed, and is still as it was before.
func changedBy(v host.View, p record.Past) (bool, error) {
	for _, st := range p.Ops {
		if st.Op == nil {
			continue
		}
		switch host.OpKind(st.Op.Kind) {
		case host.OpRun, host.OpUnit, host.OpPublish: // who knows
			return true, nil
		}
		if st.Op.Pre == nil { // a name that an earlier record tells of
			continue
		}
		now, err := image.TraceOf(v, string(st.Op.Name))
		if err != nil || st.After != nil && !now.Same(*st.After) {
			return true, err
		}
		if same, err := st.Op.Pre.Is(v, string(st.Op.Name)); err != nil || !same {
			return true, err
		}
	}
	return false, nil
}

// stepOf is what an undo does of one record of a run.
func stepOf(v host.View, left *since.Run, st record.Step) (Step, bool, error) {
	switch {
	case st.Begin != nil && st.Begin.Irreversible:
		a := st.Begin.Addr.Address()
		reason := "it cannot be taken back"
		if a.Type == "exec" {
			reason = "a command cannot be taken back"
		}
		return Step{Addr: a, What: a.String(), Refused: reason, Lasting: true}, true, nil
	case st.Op == nil || st.Op.Pre == nil:
		return Step{}, false, nil
	}
	step := Step{Addr: st.Op.Addr.Address(), What: "file " + string(st.Op.Name), op: st.Op, after: st.After}
	now, err := image.TraceOf(v, string(st.Op.Name))
	if err != nil {
		return step, false, err
	}
	// Announced, and not done: it failed, or the run died before; or put back already.
	if before, err := st.Op.Pre.Is(v, string(st.Op.Name)); err != nil || before {
		return step, false, err
	}
	if step.Refused, err = left.Refuses(v, st, now); err != nil || step.Refused != "" {
		return step, true, err
	}
	step.Refused = st.Op.Pre.Lost(now.Kind)
	step.Lasting = step.Refused != ""
	return step, true, nil
}

// Refused counts the steps that cannot be taken back, and those of them that hold up the others.
func (u *Plan) Refused() (all, blocking int) {
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
