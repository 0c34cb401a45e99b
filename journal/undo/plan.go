package undo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/journal/internal/since"
	"github.com/nodeapply/apply/journal/undo/internal/kept"
	"github.com/nodeapply/apply/journal/undo/internal/taking"
	"github.com/nodeapply/apply/resources"
)

// Plan is what an undo of a run would do, in the order in which it would do it: the reverse of the run.
type Plan struct {
	Run   string
	Steps []Step
	Torn  error // why the end of the run's journal is lost: what it did then is not known

	types    kept.Types
	manifest string          // of the run
	folders  map[string]bool // that the run found or left
}

// folder says whether there was a folder. Where a link is in its place, by the run or by somebody else since, what was in the folder is not what the link leads to.
func (u *Plan) folder(name string) bool { return u.folders[name] }

// Step takes back one change.
type Step struct {
	Addr resources.Address
	What string // "file /etc/motd", "state of service.ntp"
	// Refused says why this cannot be taken back, "" if it can.
	Refused string
	// Lasting says that it is refused because nothing is there to put back, such as of what a command did: it holds up none of the others.
	Lasting bool

	// What is done is one of these; where the step is lasting there may be none.
	file  *taking.File
	state json.RawMessage
	unit  *taking.Unit

	notifies []resources.Address
	covered  bool // something is mounted at the file's name that goes before it
}

// notKnown is why what cannot be looked at is refused; the error follows.
const notKnown = "whether it has changed since is not known: "

// PlanOf reads what run id changed and compares it with the node; of the states that they keep themselves types, those of the run (resources/all.Linked), are
// asked. What has changed since is refused.
func PlanOf(ctx context.Context, state *journal.State, v host.View, types []resources.Type, id string) (*Plan, error) {
	journals := record.In(state.Dir())
	p, dmg, err := journals.Read(id)
	if err != nil {
		return nil, err
	}
	if dmg != nil && !dmg.Torn {
		return nil, fmt.Errorf("the journal of run %s is damaged: %w", id, dmg.Err)
	}
	undos, err := since.AttemptsAt(journals, id)
	switch {
	case err != nil:
		return nil, err
	case undos.By != "":
		return nil, fmt.Errorf("run %s was undone already, by run %s", id, undos.By)
	}
	u := &Plan{Run: id, types: types, manifest: p.Head.Manifest, folders: map[string]bool{}}
	if dmg != nil {
		u.Torn = dmg.Err
	}
	for _, st := range p.Ops {
		if st.Op != nil && (st.Op.Pre != nil && st.Op.Pre.Kind == host.Directory.String() || st.After != nil && st.After.Kind == host.Directory.String()) {
			u.folders[string(st.Op.Name)] = true
		}
	}
	touched, left, apart := touchedBy(p), since.Of(journals, id, p.End), image.NewApart(v, u.folder)
	for _, st := range p.Ops {
		if st.Begin != nil && !touched(st.Begin.Addr.Address()) {
			continue // announced, and given up before anything was done
		}
		var step Step
		var ok bool
		if st.Begin != nil && st.Begin.Restorable() {
			step, ok = stateStep(ctx, v, types, undos, st)
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
	name := string(st.Op.Name)
	step := Step{Addr: st.Op.Addr.Address(), What: "file " + name, file: &taking.File{Name: name, Before: *st.Op.Pre, After: st.After}}
	now, err := image.TraceOf(v, name)
	var before bool // announced, and not done: it failed, or the run died before; or put back already
	if err == nil {
		before, err = st.Op.Pre.Is(v, name)
	}
	switch {
	case err != nil: // behind a link that somebody may have planted, say: it holds up nothing else
		step.Refused = notKnown + err.Error()
		return step, true, nil
	case before:
		return step, false, nil
	}
	if step.Refused, err = left.Refuses(v, st, now); err != nil || step.Refused != "" {
		return step, true, err
	}
	step.Refused = st.Op.Pre.Lost(now.Kind)
	step.Lasting = step.Refused != ""
	return step, true, nil
}

// stateStep restores what a type keeps of a resource, which is refused where it is neither as the run left it nor as an undo that failed did. What is as it
// was before the run needs no step.
func stateStep(ctx context.Context, v host.View, types kept.Types, undos since.Attempts, st record.Step) (Step, bool) {
	addr := st.Begin.Addr.Address()
	step := Step{Addr: addr, What: "state of " + addr.String(), state: st.Begin.Before}
	left, known := undos.Left(st)
	if !known {
		return step, true // nor is it what has changed since
	}
	now, err := types.Now(ctx, v, addr, step.state)
	switch {
	case err != nil:
		step.Refused = notKnown + err.Error()
	case bytes.Equal(now, step.state):
		return step, false
	case !slices.ContainsFunc(left, func(s json.RawMessage) bool { return bytes.Equal(now, s) }):
		step.Refused = since.Changed
	}
	return step, true
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
