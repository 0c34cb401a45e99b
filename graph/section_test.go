package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSectionsOfRandomGraphs divides as the words say, and compares: two members hang together where a way leads from one to the other, or from both to a third.
func TestSectionsOfRandomGraphs(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		g := randomGraph(rnd)
		var members []int
		for v := range g.Len() {
			if rnd.IntN(3) == 0 {
				members = append(members, v)
			}
		}
		after := map[int][]bool{} // by member: what can be reached from it
		for _, m := range members {
			after[m] = g.Reach(m)
		}
		set := map[int]int{} // by member: the lowest that it hangs together with
		for _, m := range members {
			set[m] = m
		}
		for range members { // as far as the longest chain of them
			for _, a := range members {
				for _, b := range members {
					third := func(c int) bool { return after[a][c] && after[b][c] }
					if after[a][b] || slices.ContainsFunc(members, third) {
						low := min(set[a], set[b])
						set[a], set[b] = low, low
					}
				}
			}
		}
		var want, got []string
		for _, m := range members {
			if set[m] != m {
				continue
			}
			var all, first []int
			for _, o := range members {
				if set[o] != m {
					continue
				}
				all = append(all, o)
				if !slices.ContainsFunc(members, func(before int) bool { return before != o && after[before][o] }) {
					first = append(first, o)
				}
			}
			want = append(want, fmt.Sprint(all, first))
		}
		for _, s := range NewSectioner(g).Divide(members) {
			slices.Sort(s.First)
			got = append(got, fmt.Sprint(s.Members, s.First))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, members %v of %v: %s", seed, members, g.succ, diff)
		}
	}
}
