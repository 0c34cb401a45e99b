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
		owed = append(owed, w.opts.Owed(all)...)
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
	place := func(n int32) int32 {
		if of, _, ok := w.cat.Instance(int(n)); ok {
			return int32(of)
		}
		return n
	}
	slices.SortFunc(at, func(a, b int32) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
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
