package conflict

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph"
)

// Of more sources than one word has bits, the order is what reaching says.
func TestPaths(t *testing.T) {
	const n = 300
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := graph.New(n)
		for range n {
			a, b := r.IntN(n), r.IntN(n)
			if a != b {
				g.Connect(min(a, b), max(a, b), false)
			}
		}
		var pairs []pair
		var want []bool
		for from := range 100 {
			to, other := r.IntN(n), r.IntN(n)
			pairs = append(pairs, pair{to: to, from: []int{from, other}})
			reached := g.Reach(to)
			want = append(want, g.Reach(from)[to] || g.Reach(other)[to] || reached[from] || reached[other])
		}
		if diff := cmp.Diff(want, paths(g, pairs)); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}
