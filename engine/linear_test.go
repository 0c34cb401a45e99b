package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
)

// TestChecksAreLinear counts how often resources are asked in shapes with many edges: once where nothing is to do; where each is changed, for the
// prediction, before the change and after it.
func TestChecksAreLinear(t *testing.T) {
	const n = 120
	shapes := map[string]func(a, b int) bool{
		"chain": func(a, b int) bool { return b == a+1 },
		"fan":   func(a, b int) bool { return a == 0 || b == n-1 },
		"dense": func(a, b int) bool { return a < b },
	}
	for name, connected := range shapes {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			var decl, edges []string
			for i := range n {
				decl = append(decl, fmt.Sprintf("r%d", i))
				for j := i + 1; j < n; j++ {
					if connected(i, j) {
						edges = append(edges, fmt.Sprintf("r%d>r%d", i, j))
					}
				}
			}
			c := parse(t, w, strings.Join(decl, " "), strings.Join(edges, " "))
			checks := func() (sum int) {
				for _, e := range c.Entries() {
					sum += e.Resource.(*thing).checks
				}
				return sum
			}
			converge := func() report.Counts {
				rep, err := Converge(t.Context(), node{}, c, Options{})
				if err != nil {
					t.Fatal(err)
				}
				return rep.Counts()
			}
			first := converge()
			if got := checks(); first.Changed != n || got != 3*n {
				t.Errorf("want %d changed with %d checks, got %d with %d", n, 3*n, first.Changed, got)
			}
			before := checks()
			again := converge()
			if diff := cmp.Diff([]int{n, n}, []int{again.Unchanged, checks() - before}); diff != "" {
				t.Errorf("unchanged and checked: %s", diff)
			}
		})
	}
}
