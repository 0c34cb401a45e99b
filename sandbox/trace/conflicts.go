package trace

import (
	"cmp"
	"maps"
	"slices"
)

// Conflict is two resources with no path between them in the graph, of which one wrote what the other read or wrote: their order decides the outcome.
type Conflict struct {
	First, Second int      // indexes of the resources, First < Second
	Paths         []string // what they disagree about, sorted
	Both          bool     // both wrote one of the paths
}

// Conflicts compares what each resource read and wrote (by its index; Written includes what Changed says). ordered says whether the graph has a path
// between two resources, in either direction; it is asked at most once for a pair, and only for pairs that share a path. Paths that ignore names are
// left out; nil ignores none.
//
// The time is that of the paths, and for each path of its writers times its users. A folder is in a Set only when it is gone, so two files made in one folder
// are no conflict.
func Conflicts(sets []Set, ordered func(a, b int) bool, ignore func(path string) bool) []Conflict {
	readers, writers := byPath(sets, func(s Set) []string { return s.Read }), byPath(sets, func(s Set) []string { return s.Written })
	type pair struct{ first, second int }
	found := map[pair]*Conflict{} // nil: the pair is ordered
	for _, path := range slices.Sorted(maps.Keys(writers)) {
		if ignore != nil && ignore(path) {
			continue
		}
		meet := func(a, b int, both bool) {
			p := pair{min(a, b), max(a, b)}
			c, asked := found[p]
			if !asked && !ordered(p.first, p.second) {
				c = &Conflict{First: p.first, Second: p.second}
			}
			found[p] = c
			if c == nil {
				return
			}
			c.Both = c.Both || both
			if len(c.Paths) == 0 || c.Paths[len(c.Paths)-1] != path {
				c.Paths = append(c.Paths, path)
			}
		}
		for i, w := range writers[path] {
			for _, other := range writers[path][i+1:] {
				meet(w, other, true)
			}
			for _, r := range readers[path] {
				if r != w {
					meet(w, r, false)
				}
			}
		}
	}
	var conflicts []Conflict
	for _, c := range found {
		if c != nil {
			conflicts = append(conflicts, *c)
		}
	}
	slices.SortFunc(conflicts, func(a, b Conflict) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Second, b.Second)) })
	return conflicts
}

// byPath says which resources have a path, each once, in their order.
func byPath(sets []Set, paths func(Set) []string) map[string][]int {
	index := map[string][]int{}
	for i, s := range sets {
		for _, p := range paths(s) {
			if have := index[p]; len(have) == 0 || have[len(have)-1] != i {
				index[p] = append(have, i)
			}
		}
	}
	return index
}
