package section

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph/graphtest"
)

func TestSections(t *testing.T) {
	for _, tc := range []struct{ name, edges, members, want string }{
		{"no order", "", "abc", "a<a b<b c<c"},
		{"a chain", "a>b b>c", "abc", "abc<a"},
		{"over one that is none", "a>d d>b", "ab", "ab<a"},
		{"two that come before a third", "a>c b>c", "abc", "abc<ab"},
		{"two after one that is none", "d>a d>b", "ab", "a<a b<b"},
		{"two before one that is none", "a>d b>d", "ab", "a<a b<b"},
		{"two chains", "a>c b>d", "abcd", "ac<a bd<b"},
		{"against the order of declaration", "c>a d>b", "abcd", "ac<c bd<d"},
		{"one after two, over one", "a>e b>e e>c", "abc", "abc<ab"},
		{"none", "a>b", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var members []int
			for _, m := range tc.members {
				members = append(members, int(m-'a'))
			}
			var got []string
			for _, s := range NewDivider(graphtest.Parse(tc.edges)).Divide(members) {
				got = append(got, graphtest.Letters(s.Members)+"<"+graphtest.Letters(s.First))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAmid(t *testing.T) {
	for _, tc := range []struct{ name, edges, want string }{
		{"nothing between", "a>b b>c", "bc"},
		{"one between", "a>b b>c a>x x>c", "bcx"},
		{"one that the last needs", "a>b b>c x>c", "bcx"},
		{"before all", "a>b b>c x>a", "bc"},
		{"before one of two first", "a>c b>c x>a", "abcx"},
		{"before both of them", "a>c b>c x>a x>b", "abc"},
		{"behind all", "a>b b>c c>x", "bc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := NewDivider(graphtest.Parse(strings.ReplaceAll(tc.edges, "x", "h")))
			sections := s.Divide([]int{0, 1, 2})
			if len(sections) != 1 {
				t.Fatalf("%d sections", len(sections))
			}
			var in []int
			for v := range 8 {
				if s.Amid(v, sections[0]) {
					in = append(in, v)
				}
			}
			if diff := cmp.Diff(tc.want, strings.ReplaceAll(graphtest.Letters(in), "h", "x")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSectionsOfRandomGraphs divides as the words say, and compares: two members hang together where a way leads from one to the other, or from both to a third.
func TestSectionsOfRandomGraphs(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		g := graphtest.Random(rnd, 40, 2)
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
		for _, s := range NewDivider(g).Divide(members) {
			slices.Sort(s.First)
			got = append(got, fmt.Sprint(s.Members, s.First))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, members %v: %s", seed, members, diff)
		}
	}
}
