package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph/graphtest"
)

func TestOrder(t *testing.T) {
	for _, tc := range []struct{ name, edges, want string }{
		{"declaration order without edges", "", "abcdefgh"},
		{"edges before order", "c>a", "bcadefgh"},
		{"chain backwards", "h>g g>f f>e e>d d>c c>b b>a", "hgfedcba"},
		{"diamond", "a>c a>b b>d c>d", "abcdefgh"},
		{"what is on or behind a cycle is left out", "a>b b>a b>c", "defgh"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, graphtest.Letters(graphtest.Parse(tc.edges).Order())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCycles(t *testing.T) {
	for _, tc := range []struct {
		name, edges string
		want        []string
	}{
		{"none", "a>b b>c a>c", nil},
		{"to itself", "b>b", []string{"b"}},
		{"two in one component", "a>b b>a a>c c>a", []string{"ab", "ac"}},
		{"two apart, turned to their lowest", "c>b b>c f>e e>d d>f", []string{"bc", "dfe"}},
		{"the shortest one through a vertex", "a>b b>c c>d d>a b>a", []string{"ab", "abcd"}},
		{"behind a cycle is none", "a>b b>a b>c c>d", []string{"ab"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, c := range graphtest.Parse(tc.edges).Cycles(10) {
				got = append(got, graphtest.Letters(c))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCyclesLimit(t *testing.T) {
	if got := len(graphtest.Parse("a>a b>b c>c").Cycles(2)); got != 2 {
		t.Errorf("want 2 cycles, got %d", got)
	}
}

func TestReachAndReverse(t *testing.T) {
	g := graphtest.Parse("a>b b>c d>c")
	var got []int
	for v, ok := range g.Reverse().Reach(2) {
		if ok {
			got = append(got, v)
		}
	}
	if diff := cmp.Diff("abcd", graphtest.Letters(got)); diff != "" {
		t.Error(diff)
	}
}
