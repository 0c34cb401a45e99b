package engine

import (
	"cmp"
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// notifiers lists what changed and notifies an entry at v, as declared, whatever ended first; then what did so in earlier runs, undelivered: to it, or
// to all that v becomes.
func (w *walk) notifiers(v int, st *state, e *catalog.Entry) []resources.Address {
	out := w.changed(st.notified)
	if w.opts.Owed == nil {
		return out
	}
	owed := w.opts.Owed(e.Addr)
	if all := w.cat.Entries()[v].Addr; all != e.Addr {
		owed = slices.Concat(owed, w.opts.Owed(all))
	}
	for _, a := range owed {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// changed lists what has changed at vertices, one of which may come by several relations, and of which some are named by one instance only.
func (w *walk) changed(at []int32) []resources.Address {
	slices.SortFunc(at, func(a, b int32) int {
		of, instance := w.declared(a)
		of2, instance2 := w.declared(b)
		return cmp.Or(cmp.Compare(of, of2), cmp.Compare(instance, instance2), cmp.Compare(a, b))
	})
	var out []resources.Address
	whole := int32(-1)
	for _, n := range slices.Compact(at) {
		of, a, one := w.cat.Instance(int(n))
		switch {
		case !one:
			out, whole = append(out, w.changedAt(int(n))...), n
		case int32(of) != whole: // else it is among them
			out = append(out, a)
		}
	}
	return out
}

// declared is where a vertex stands in the order of declaration: at which entry, and as which of what this has become, from 1 on.
func (w *walk) declared(n int32) (of, instance int) {
	of, a, ok := w.cat.Instance(int(n))
	if !ok {
		return int(n), 0
	}
	if one := w.states[of].instances[a.Instance]; one != nil {
		return of, one.place
	}
	return of, 1
}

// changedAt lists what of an entry has changed: itself, or of one that was deferred what it became.
func (w *walk) changedAt(v int) []resources.Address {
	st := &w.states[v]
	if !st.bound {
		return []resources.Address{w.cat.Entries()[v].Addr}
	}
	var out []resources.Address
	for _, res := range st.results {
		if one := st.instances[res.Address.Instance]; one != nil && one.changed {
			out = append(out, res.Address)
		}
	}
	return out
}
