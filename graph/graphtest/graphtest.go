// Package graphtest makes graphs for tests: from text, and at random.
package graphtest

import (
	"math/rand/v2"
	"strings"

	"github.com/nodeapply/apply/graph"
)

// Parse reads edges such as "a>b b~c" among the vertices a to h; ~ notifies.
func Parse(edges string) *graph.Graph {
	g := graph.New(8)
	for e := range strings.FieldsSeq(edges) {
		g.Connect(int(e[0]-'a'), int(e[2]-'a'), e[1] == '~')
	}
	return g
}

// Letters names vertices as Parse does.
func Letters(vs []int) string {
	var b strings.Builder
	for _, v := range vs {
		b.WriteByte(byte('a' + v))
	}
	return b.String()
}

// Random makes a graph without cycles, of up to that many vertices and of up to per edges for each.
func Random(rnd *rand.Rand, vertices, per int) *graph.Graph {
	n := 1 + rnd.IntN(vertices)
	g := graph.New(n)
	perm := rnd.Perm(n)
	for range rnd.IntN(per * n) {
		if a, b := rnd.IntN(n), rnd.IntN(n); a != b {
			g.Connect(perm[min(a, b)], perm[max(a, b)], rnd.IntN(2) == 0)
		}
	}
	return g
}
