package conflict

import (
	"slices"

	"github.com/nodeapply/apply/catalog/conflict/internal/above"
	"github.com/nodeapply/apply/resources"
)

// undo keeps a pair of which each undoes the other, if both are certain to be managed in every run.
func (f *finder) undo(p pair) {
	if f.certain(p.to) && f.certain(p.from[0]) {
		f.undoing = append(f.undoing, p)
	}
}

// certain says that nothing but the declaration decides whether v is brought.
func (f *finder) certain(v int) bool {
	e := f.entries[v]
	_, conditional := e.Resource.(resources.Conditional)
	return !conditional && !e.Noop && len(e.Unless)+len(e.OnlyIf) == 0
}

// removed looks whether another resource removes what v brings.
func (f *finder) removed(v int, t *resources.Touch) {
	switch t.How {
	case resources.Makes, resources.Writes, resources.Edits, resources.Mounts:
	default:
		return
	}
	for name := range above.Of(t.Path) {
		w, ok := f.removes[name]
		if !ok || w == v {
			continue
		}
		f.undo(pair{summary: "removed again", to: v, from: []int{w}, does: t.How.String(), path: t.Path,
			with: "and %s removes " + name, advice: "Only one of them can be what the node should have: take one away."})
		return
	}
}

// absent looks whether v needs an account that another resource removes.
func (f *finder) absent(v int) {
	r, ok := f.entries[v].Resource.(resources.Identified)
	if !ok || f.entries[v].Off || f.isAbsent(v) || f.isRemoved(v) {
		return
	}
	for _, id := range r.Requires() {
		if id.Kind != "user" && id.Kind != "group" {
			continue
		}
		w, ok := f.provides[resources.Identity{Kind: id.Kind, Name: id.Name}]
		if !ok || w == v || !f.isAbsent(w) {
			continue
		}
		f.undo(pair{summary: "needs what is removed", to: v, from: []int{w}, does: "needs", path: "the " + id.Kind + " " + id.Name,
			with: "which %s removes", advice: "Only one of them can be what the node should have: change one of the two."})
	}
}

func (f *finder) isAbsent(v int) bool {
	a, ok := f.entries[v].Resource.(resources.Absentee)
	return ok && a.Absent()
}

// isRemoved says that v only sees to it that something is not there.
func (f *finder) isRemoved(v int) bool {
	return slices.ContainsFunc(f.touches[v], func(t resources.Touch) bool { return t.How == resources.Removes })
}
