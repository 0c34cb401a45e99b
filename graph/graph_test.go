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
