package cycles_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/graph/cycles"
	"github.com/nodeapply/apply/graph/graphtest"
)

func TestFind(t *testing.T) {
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
			for _, c := range cycles.Find(graphtest.Parse(tc.edges), 10) {
				got = append(got, graphtest.Letters(c))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	if got := len(cycles.Find(graphtest.Parse("a>a b>b c>c"), 2)); got != 2 {
		t.Errorf("want 2 cycles, got %d", got)
	}
}

// A long chain must not recurse.
func TestChain(t *testing.T) {
	g := graph.New(100_000)
	for v := 1; v < g.Len(); v++ {
		g.Connect(v-1, v, false)
	}
	if c := cycles.Find(g, 1); c != nil {
		t.Errorf("want no cycle, got one of %d", len(c[0]))
	}
	g.Connect(g.Len()-1, 0, false)
	if c := cycles.Find(g, 1); len(c) != 1 || len(c[0]) != g.Len() {
		t.Errorf("want all vertices on one cycle, got %d", len(c))
	}
}
