package fate

import (
	"slices"

	"github.com/nodeapply/apply/report"
)

// Results are those of all entries, in declaration order.
func (f *Fates) Results() []*report.Result {
	var out []*report.Result
	for v := range f.cat.Entries() {
		out = append(out, f.of[v].Results...)
	}
	return out
}

// Edges lists the relations between the Results, by index; a barrier that stands for a set becomes an index beyond them.
func (f *Fates) Edges() []report.Edge {
	n, total := len(f.cat.Entries()), 0
	index := make([]int, n) // at which the results of each entry begin
	for v := range index {
		index[v] = total
		total += len(f.of[v].Results)
	}
	at := func(v, other int) (from, to int) { // of the indices, those that other has a relation with
		if v >= n {
			v += total - n
			return v, v + 1
		}
		results := f.of[v].Results
		if of, a, ok := f.cat.Instance(other); ok && of == v && f.of[v].Bound {
			i := slices.IndexFunc(results, func(res *report.Result) bool { return res.Address == a })
			if i < 0 {
				return 0, 0
			}
			return index[v] + i, index[v] + i + 1
		}
		return index[v], index[v] + len(results)
	}
	g := f.cat.Graph()
	var out []report.Edge
	connect := func(from, end, to, toEnd int, notify bool) {
		for ; from < end; from++ {
			for to := to; to < toEnd; to++ {
				out = append(out, report.Edge{From: from, To: to, Notify: notify})
			}
		}
	}
	next := total + g.Len() - n
	for v := range g.Len() {
		for _, e := range g.Succ(v) {
			from, end := at(v, e.To)
			to, toEnd := at(e.To, v)
			if end-from > 1 && toEnd-to > 1 { // a barrier more, and not an edge for every pair
				connect(from, end, next, next+1, e.Notify)
				from, end, next = next, next+1, next+1
			}
			connect(from, end, to, toEnd, e.Notify)
		}
	}
	return out
}
