package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/graph/graphtest"
)

// keeps says which edge of g an order of its vertices breaks; "" none.
func keeps(g *graph.Graph, order []int) string {
	at := make([]int, g.Len())
	for i, v := range order {
		at[v] = i
	}
	for v := range g.Len() {
		for _, e := range g.Succ(v) {
			if at[v] >= at[e.To] {
				return fmt.Sprintf("%d comes after %d in %v", v, e.To, order)
			}
		}
	}
	return ""
}

func TestRandomOrders(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		g := graphtest.Random(rnd, 40, 2)
		from, to := g.RandomOrder(rnd), g.RandomOrder(rnd)
		for _, o := range [][]int{from, to} {
			if sorted := slices.Sorted(slices.Values(o)); len(sorted) != g.Len() || sorted[0] != 0 || len(slices.Compact(sorted)) != g.Len() {
				t.Fatalf("seed %d: not all vertices once: %v", seed, o)
			}
			if broken := keeps(g, o); broken != "" {
				t.Errorf("seed %d: %s", seed, broken)
			}
		}
		var walked order
		g.WalkInOrder(t.Context(), to, &walked)
		if diff := cmp.Diff(to, walked.got); diff != "" || walked.readied != g.Len() || walked.done != g.Len() {
			t.Errorf("seed %d: want the order followed: %s", seed, diff)
		}
	}
}

// TestOrderAgainstTheEdges is followed as far as these allow.
func TestOrderAgainstTheEdges(t *testing.T) {
	var o order
	graphtest.Parse("a>b").WalkInOrder(t.Context(), []int{7, 6, 5, 4, 3, 2, 1, 0}, &o)
	if diff := cmp.Diff("hgfedcab", graphtest.Letters(o.got)); diff != "" {
		t.Error(diff)
	}
}
