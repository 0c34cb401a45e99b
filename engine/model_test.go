package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// drawn is a catalog at random, how it is run, and what a run must do, said once more in the plainest way: one resource after the other.
type drawn struct {
	w     *world
	c     *catalog.Catalog
	o     Options
	halt  string // the resource during whose change the run is interrupted
	words [][]string
	pred  []map[int]bool // by vertex: what comes before it directly, and whether that notifies it
	owed  [][]int        // by vertex: whose notify of it an earlier run did not deliver
}

// draw makes things of all kinds, in relations of all kinds; where there are two modules, one comes before the other.
func draw(t *testing.T, seed uint64) *drawn {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 3))
	kinds := []string{"there", "there", "there", "fails", "badcheck", "flaps", "unless=true", "unless=false", "onlyif=false", "onlyif=nosuch", "off", "noop", "stopped", "sick", "tag=x"}
	d := &drawn{w: &world{prompt: rnd.IntN(2) == 0}}
	n := 2 + rnd.IntN(9)
	d.words, d.pred, d.owed = make([][]string, n), make([]map[int]bool, n), make([][]int, n)
	var decl []string
	for v := range n {
		d.pred[v] = map[int]bool{}
		for range rnd.IntN(3) {
			d.words[v] = append(d.words[v], kinds[rnd.IntN(len(kinds))])
		}
		decl = append(decl, fmt.Sprintf("%c%d:%s", "assf"[rnd.IntN(4)], v, strings.Join(d.words[v], ",")))
	}
	entries := declare(t, d.w, strings.Join(decl, " "))
	perm, modules := rnd.Perm(n), rnd.IntN(2) == 0
	for i, v := range perm {
		if modules {
			entries[v].Addr.Module = []string{"module.m", "module.n"}[2*i/n]
		}
	}
	var rels []catalog.Relation
	relate := func(from, to resources.Address, notify bool) {
		rels = append(rels, catalog.Relation{From: from, To: to, Kind: map[bool]catalog.RelationKind{true: catalog.Notify}[notify]})
	}
	for range rnd.IntN(2 * n) {
		if i, j := rnd.IntN(n), rnd.IntN(n); i < j {
			from, to, notify := perm[i], perm[j], rnd.IntN(3) > 0
			relate(entries[from].Addr, entries[to].Addr, notify)
			d.pred[to][from] = d.pred[to][from] || notify
		}
	}
	if modules {
		notify := rnd.IntN(2) == 0
		relate(resources.Address{Module: "module.m"}, resources.Address{Module: "module.n"}, notify)
		for i, from := range perm {
			for _, to := range perm {
				if 2*i/n == 0 && entries[to].Addr.Module == "module.n" {
					d.pred[to][from] = d.pred[to][from] || notify
				}
			}
		}
	}
	d.c = newCatalog(t, entries, rels)
	for to, pred := range d.pred {
		for from := range n {
			if pred[from] && rnd.IntN(8) == 0 {
				d.owed[to] = append(d.owed[to], from)
			}
		}
	}
	d.o = Options{Recorder: ledger{d}, Parallel: 1 + rnd.IntN(4)}
	d.choose(rnd)
	return d
}

// choose says how the catalog is run.
func (d *drawn) choose(rnd *rand.Rand) {
	entries := d.c.Entries()
	one := entries[rnd.IntN(len(entries))].Addr
	switch rnd.IntN(6) {
	case 0:
		d.o.Targets = []resources.Address{one}
	case 1:
		d.o.SkipTags = []string{"x"}
	case 2:
		d.o.Parallel, d.o.FailFast = 1, true
	case 3:
		d.o.Parallel, d.halt = 1, one.Title
	}
}

func (d *drawn) is(v int, word string) bool { return slices.Contains(d.words[v], word) }

// selected marks what is chosen: the targets with all that is before them, and nothing that has a tag that is left out.
func (d *drawn) selected() []bool {
	out := make([]bool, len(d.pred))
	var require func(v int)
	require = func(v int) {
		out[v] = true
		for u := range d.pred[v] {
			require(u)
		}
	}
	for v, e := range d.c.Entries() {
		if len(d.o.Targets) == 0 || d.o.Targets[0] == e.Addr {
			require(v)
		}
	}
	for v := range out {
		out[v] = out[v] && !(len(d.o.SkipTags) > 0 && d.is(v, "tag=x"))
	}
	return out
}

// end is how a resource must end.
type end struct {
	outcome report.Outcome
	because string
	by      []string // what notifies it: of this run as declared, then of earlier ones
	did     []string // in this order
	changed bool
	cause   int // the lowest vertex that it is skipped for, itself where it failed; -1: none
}

// alone is what comes of a resource that is visited and that what is in from notifies.
func (d *drawn) alone(v int, from []int) (e end) {
	name := d.c.Entries()[v].Addr.Title
	service, begin := name[0] == 's', fmt.Sprintf("begin %s owes %v", name, d.notifies(v))
	e = end{outcome: report.Unchanged, cause: -1}
	if d.is(v, "off") {
		return e
	}
	for _, u := range append(from, d.owed[v]...) {
		if a := d.c.Entries()[u].Addr.String(); !slices.Contains(e.by, a) {
			e.by = append(e.by, a)
		}
	}
	notified := len(e.by) > 0
	defer func() {
		if e.outcome == report.Failed {
			e.changed, e.cause = false, v
		}
	}()
	settled := func() {
		if notified {
			e.did = append(e.did, "settled "+name)
		}
	}
	differs := !d.is(v, "there")
	refresh := notified && service && !differs && !d.is(v, "stopped")
	switch {
	case d.is(v, "unless=true"), d.is(v, "onlyif=false") && !d.asked(v, "onlyif=nosuch", "onlyif=false"):
		settled()
		return e
	case d.is(v, "onlyif=nosuch"), d.is(v, "badcheck"):
		e.outcome = report.Failed
		return e
	case d.is(v, "noop"):
		if differs || refresh {
			e.outcome = report.Pending
		}
		return e
	}
	if differs {
		e.did = append(e.did, begin, "apply "+name)
		if d.is(v, "fails") || d.is(v, "flaps") {
			e.outcome = report.Failed
			return e
		}
		e.outcome, e.changed = report.Changed, true
	}
	if refresh {
		e.did = append(e.did, begin, "refresh "+name)
		if d.is(v, "sick") {
			e.outcome = report.Failed
			return e
		}
		e.outcome, e.changed = report.Refreshed, true
	}
	settled()
	return e
}

// asked says that one guard is asked before another.
func (d *drawn) asked(v int, first, second string) bool {
	i, j := slices.Index(d.words[v], first), slices.Index(d.words[v], second)
	return i >= 0 && i < j
}

// notifies lists the names of what v notifies.
func (d *drawn) notifies(v int) []string {
	out := []string{}
	for to, pred := range d.pred {
		if pred[v] {
			out = append(out, d.c.Entries()[to].Addr.Title)
		}
	}
	slices.Sort(out)
	return out
}

// ends says how all must end.
func (d *drawn) ends() map[int]end {
	entries, selected, ends := d.c.Entries(), d.selected(), map[int]end{}
	why, stopped := "", false
	roots := map[int]string{} // by cause
	for _, v := range d.c.Graph().Order() {
		if v >= len(entries) || !selected[v] {
			continue
		}
		cause, later := -1, d.toDo(v)
		var from []int
		for u := range entries {
			notifies, before := d.pred[v][u]
			e, ok := ends[u]
			if before && ok && e.cause >= 0 && (cause < 0 || e.cause < cause) {
				cause = e.cause
			}
			if notifies && e.changed {
				from = append(from, u)
			}
		}
		for u := range d.before(v) {
			later = later || d.toDo(u)
		}
		e, name := end{outcome: report.Skipped, cause: cause}, entries[v].Addr.Title
		switch {
		case cause >= 0 && (roots[cause] != "" || !stopped):
			e.because = roots[cause]
			if name[0] == 'f' {
				e.did = []string{"skip " + name + " for " + e.because}
			}
		case stopped && later:
			e.because, e.cause = why, v
			roots[v] = why
		default:
			e = d.alone(v, from)
		}
		if e.outcome == report.Failed {
			roots[v] = entries[v].Addr.String()
			if d.o.FailFast && !stopped {
				why, stopped = roots[v], true
			}
		}
		stopped = stopped || slices.Contains(e.did, "apply "+d.halt)
		ends[v] = e
	}
	return ends
}

// toDo says that a run cannot know without looking again what comes of v.
func (d *drawn) toDo(v int) bool {
	if !d.selected()[v] {
		return false
	}
	e := d.alone(v, nil)
	return e.outcome != report.Unchanged || len(e.by) > 0
}

// before is all that comes before v.
func (d *drawn) before(v int) map[int]bool {
	out := map[int]bool{}
	var add func(v int)
	add = func(v int) {
		for u := range d.pred[v] {
			if !out[u] {
				out[u] = true
				add(u)
			}
		}
	}
	add(v)
	return out
}

// String is the catalog and how it is run.
func (d *drawn) String() string {
	var out []string
	for v, e := range d.c.Entries() {
		out = append(out, fmt.Sprintf("%s:%s after %v", e.Addr, strings.Join(d.words[v], ","), d.pred[v]))
	}
	return fmt.Sprintf("%s; %d at a time, targets %v, skipping %v, fail-fast %v, interrupted at %q", strings.Join(out, "; "), d.o.Parallel, d.o.Targets, d.o.SkipTags, d.o.FailFast, d.halt)
}
