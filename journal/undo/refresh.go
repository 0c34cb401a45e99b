package undo

import (
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/journal/undo/internal/taking"
	"github.com/nodeapply/apply/resources"
)

// Refreshes says that the step puts nothing back: it does to a unit what the run did as it was notified, for the unit runs with what the run gave it.
func (s Step) Refreshes() bool { return s.unit != nil }

// notify has each resource that is put back notify those that it notified in the run, and adds the steps that refresh units among them and among those that
// they notified in turn, in the order of the run. What else is notified is owed: how it is refreshed only a manifest knows.
func (u *Plan) notify(ops []record.Step) {
	owes, started := map[resources.Address][]resources.Address{}, map[resources.Address]bool{}
	for _, st := range ops {
		switch {
		case st.Begin != nil:
			for _, target := range st.Begin.Owes {
				owes[st.Begin.Addr.Address()] = append(owes[st.Begin.Addr.Address()], target.Address())
			}
		case st.Op != nil && st.Op.Verb == string(host.Start):
			started[st.Op.Addr.Address()] = true // what the run gave it goes with it
		}
	}
	due, seen, told := map[resources.Address]bool{}, map[resources.Address]bool{}, map[resources.Address]bool{}
	var pass func(a resources.Address)
	pass = func(a resources.Address) {
		if !seen[a] {
			seen[a] = true
			for _, target := range owes[a] {
				due[target] = true
				pass(target)
			}
		}
	}
	for i := range u.Steps {
		if s := &u.Steps[i]; s.Refused == "" && !told[s.Addr] {
			told[s.Addr] = true // with the first of its steps
			s.notifies = slices.DeleteFunc(slices.Clone(owes[s.Addr]), func(target resources.Address) bool { return started[target] })
			pass(s.Addr)
		}
	}
	verbs := []string{string(host.Restart), string(host.Reload), string(host.ReloadOrRestart)}
	for _, st := range ops {
		if st.Op == nil || !slices.Contains(verbs, st.Op.Verb) {
			continue
		}
		if a := st.Op.Addr.Address(); due[a] {
			due[a] = false
			u.Steps = append(u.Steps, Step{Addr: a, What: st.Op.Verb + " of " + string(st.Op.Name), unit: &taking.Unit{Name: string(st.Op.Name), Verb: host.Verb(st.Op.Verb)}})
		}
	}
}
