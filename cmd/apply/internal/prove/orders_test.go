package prove

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph/graphtest"
)

// TestExchanges: from one order that keeps all edges to another, by exchanges of two neighbours none of which breaks an edge.
func TestExchanges(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		g := graphtest.Random(rnd, 40, 2)
		from, to := g.RandomOrder(rnd), g.RandomOrder(rnd)
		before := from
		for i := range exchanges(from, to) + 1 {
			o, first, second := exchanged(from, to, i)
			for v := range g.Len() {
				for _, e := range g.Succ(v) {
					if slices.Index(o, v) > slices.Index(o, e.To) {
						t.Errorf("seed %d, exchange %d: %d comes after %d in %v", seed, i, v, e.To, o)
					}
				}
			}
			if i > 0 {
				at := slices.Index(before, second)
				want := slices.Clone(before)
				want[at], want[at+1] = first, second
				if diff := cmp.Diff(want, o); diff != "" {
					t.Fatalf("seed %d, exchange %d: want two neighbours exchanged: %s", seed, i, diff)
				}
			}
			before = o
		}
		if diff := cmp.Diff(to, before); diff != "" {
			t.Errorf("seed %d: want the other order in the end: %s", seed, diff)
		}
	}
}
