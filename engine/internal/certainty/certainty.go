// Package certainty says how sure a plan is of each resource: whether something before it would change, and whether its check could see that.
package certainty

import (
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/guard"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Influence is what the changes that a plan predicts mean for what comes after them. It is handed on along the edges of the catalog's graph, in its order.
type Influence struct {
	entries []*catalog.Entry
	on      []influence // by vertex
}

// influence is what comes to a vertex, as index+1; 0: nothing.
type influence struct {
	after   int32 // a vertex before this one that would change, the nearest of each path
	touched int32 // one whose change may be seen by this one's check, likewise
}

// New returns the influence of nothing as yet.
func New(c *catalog.Catalog) *Influence {
	return &Influence{entries: c.Entries(), on: make([]influence, c.Graph().Len())}
}

// After says whether something before v would change.
func (i *Influence) After(v int) bool { return i.on[v].after != 0 }

// Wide says of a difference that its removal has effects that its resource does not name.
func Wide(d resources.Diff) bool { return d.Spreads || opaque(d) }

func opaque(d resources.Diff) bool {
	return slices.ContainsFunc(d.Changes, func(c resources.Change) bool { return c.Opaque })
}

// Pass hands on to a successor of v what v's change, or that of something before v, may mean for its check. A barrier does not change. Of what comes from
// several, the last that is declared counts: who has ended first is luck.
func (i *Influence) Pass(v, to int, changed, wide bool) {
	from, next := i.on[v], &i.on[to]
	if changed && v < len(i.entries) {
		from.after = int32(v) + 1
		if wide || i.seen(v, to) {
			from.touched = from.after
		}
	}
	if last := int(from.after) - 1; v >= len(i.entries) && last >= 0 && i.seen(last, to) { // through a barrier: all repositories, say
		from.touched = max(from.touched, from.after)
	}
	next.after, next.touched = max(next.after, from.after), max(next.touched, from.touched)
}

// seen says whether the check of to can see the change of v: it requires what v provides.
func (i *Influence) seen(v, to int) bool {
	if to >= len(i.entries) {
		return false
	}
	p, ok := i.entries[v].Resource.(resources.Identified)
	if !ok {
		return false
	}
	r, ok := i.entries[to].Resource.(resources.Identified)
	if !ok {
		return false
	}
	provided := p.Provides()
	for _, need := range r.Requires() {
		for _, id := range provided {
			if id.Kind == need.Kind && (id.Name == need.Name || need.Nearest) {
				return true
			}
		}
	}
	return false
}

// Of says how sure the result of the entry at v is, of which d differs. Notified says that something of this run notifies it: what is owed since an
// earlier one depends on nothing of this.
func (i *Influence) Of(v int, res *report.Result, d resources.Diff, notified bool) string {
	on := i.on[v]
	after := func(v int32) string { return report.CertaintyAfter + i.entries[v-1].Addr.String() }
	pending, bare := res.Outcome == report.Pending, len(res.Changes) == 0
	_, waits := i.entries[v].Resource.(resources.Waiter)
	switch {
	case pending && waits: // on others, who may have done meanwhile what it is for
		return report.KnownLate
	case pending && opaque(d):
		return report.Opaque
	case pending && bare && !res.Refreshed && on.after != 0: // what is missing now may come
		return after(on.after)
	case on.touched != 0:
		return after(on.touched)
	case on.after != 0 && guard.Has(i.entries[v]): // what a guard reads, nobody knows
		return after(on.after)
	case res.Refreshed && bare && notified:
		return report.CertaintyAfter + res.NotifiedBy[0]
	}
	return report.Exact
}
