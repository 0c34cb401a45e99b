package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
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

// TestForeseen counts the checks: what the prediction has found of the first resource that differs is found again only where the run may have changed it.
func TestForeseen(t *testing.T) {
	for _, tc := range []struct {
		name, decl, edges string
		order             []int
		want              []int
	}{
		{"one differs", "a:there b", "", nil, []int{1, 2}},
		{"of two the first", "a b", "", []int{0, 1}, []int{2, 3}},
		{"something was changed before", "a b", "", []int{1, 0}, []int{3, 3}},
		{"what comes before is looked at again", "owed:there b", "owed>b", nil, []int{2, 3}},
		{"a guard", "a:unless=false", "", nil, []int{3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			owed := map[string][]resources.Address{"owed": {{Type: "t", Title: "b"}}}
			c := parse(t, &world{}, tc.decl, tc.edges)
			if _, err := Converge(t.Context(), node{}, c, Options{Recorder: &keeper{owed: owed}, Order: tc.order}); err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, e := range c.Entries() {
				got = append(got, e.Resource.(*thing).checks)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWrongOrder: an order that leaves a vertex out, or names one that there is not, is the caller's mistake.
func TestWrongOrder(t *testing.T) {
	for _, order := range [][]int{{}, {0}, {0, 0}, {0, 2}, {0, 1, 1}} {
		if rep, err := Converge(t.Context(), node{}, parse(t, &world{}, "a b", ""), Options{Order: order}); err == nil {
			t.Errorf("%v: %v", order, rep.Counts())
		}
	}
}
