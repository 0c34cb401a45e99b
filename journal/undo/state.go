package undo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/journal/internal/since"
	"github.com/nodeapply/apply/resources"
)

const (
	nowTimeout   = 30 * time.Second // to read one state
	leaveTimeout = time.Minute      // to read all that a run has changed
)

// Leave records how a run, of which nothing goes on any more, leaves the states that types keep themselves. What of them the error tells, or a run
// that dies before does not come to, an undo puts back whatever has become of it.
func Leave(ctx context.Context, run *journal.Run, v host.View, types []resources.Type) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	states := run.States()
	var errs []error
	for _, a := range slices.SortedFunc(maps.Keys(states), func(a, b resources.Address) int { return cmp.Compare(a.String(), b.String()) }) {
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("%s and others: how the run leaves them is not known: %w", a, ctx.Err()))
			break
		}
		now, err := nowOf(ctx, v, types, a, states[a])
		if err == nil {
			err = run.Left(a, now)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: how the run leaves it is not known: %w", a, err))
		}
	}
	return errors.Join(errs...)
}

// nowOf reads what a type once kept of a resource as it is now.
func nowOf(ctx context.Context, v host.View, types []resources.Type, a resources.Address, before json.RawMessage) (json.RawMessage, error) {
	r, err := restorer(types, a)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, nowTimeout)
	defer cancel()
	return r.Now(ctx, v, before)
}

// restorer makes a resource of an address's type, which has to be one that can restore.
func restorer(types []resources.Type, addr resources.Address) (resources.Restorer, error) {
	i := slices.IndexFunc(types, func(t resources.Type) bool { return t.Name == addr.Type })
	if i < 0 {
		return nil, fmt.Errorf("unknown type %s", addr.Type)
	}
	r, ok := types[i].New(addr.Title).(resources.Restorer)
	if !ok {
		return nil, fmt.Errorf("a %s cannot be restored", addr.Type)
	}
	return r, nil
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
		if s.op != nil {
			all = append(all, touches[string(s.op.Name)]...)
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

// attempts are the undos of a run so far.
type attempts struct {
	by     string                                  // the one that came to its end
	states map[resources.Address][]json.RawMessage // how the others left what they began to restore; nil where that is not known
}

// attemptsAt reads the undos of run id.
func attemptsAt(journals record.Folder, id string) (attempts, error) {
	found := attempts{states: map[resources.Address][]json.RawMessage{}}
	ids, err := journals.After(id)
	if err != nil {
		return found, err
	}
	for _, other := range ids {
		p, ended := journals.Closed(other)
		if ended && p.Head.Undoes == id {
			found.by = other
			return found, nil
		}
		if ended {
			continue
		}
		if p, _, err = journals.Read(other); err != nil {
			return found, err
		}
		for _, st := range p.Ops {
			if p.Head.Undoes == id && st.Begin != nil && st.Begin.Restorable() {
				a := st.Begin.Addr.Address()
				found.states[a] = append(found.states[a], st.Left)
			}
		}
	}
	return found, nil
}

// stateStep restores what a type keeps of a resource, which is refused where it is neither as the run left it nor as an undo that failed did. What is as it
// was before the run needs no step.
func (a attempts) stateStep(ctx context.Context, v host.View, types []resources.Type, st record.Step) (Step, bool) {
	addr := st.Begin.Addr.Address()
	step := Step{Addr: addr, What: "state of " + addr.String(), before: st.Begin.Before}
	left := append([]json.RawMessage{st.Left}, a.states[addr]...)
	if slices.ContainsFunc(left, func(s json.RawMessage) bool { return s == nil }) {
		return step, true // it cannot be known what has changed since
	}
	now, err := nowOf(ctx, v, types, addr, step.before)
	switch {
	case err != nil:
		step.Refused = "whether it has changed since is not known: " + err.Error()
	case bytes.Equal(now, step.before):
		return step, false
	case !slices.ContainsFunc(left, func(s json.RawMessage) bool { return bytes.Equal(now, s) }):
		step.Refused = since.Changed
	}
	return step, true
}
