package layout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cell is that of the drawings: a label beside a few lines' height.
const cell = 6.0

// parse reads "a>b a>c": the vertices are letters.
func parse(text string) (int, []Edge) {
	n, edges := 0, []Edge(nil)
	for _, f := range strings.Fields(text) {
		for _, r := range strings.ReplaceAll(f, ">", "") {
			n = max(n, int(r-'a')+1)
		}
		if from, to, ok := strings.Cut(f, ">"); ok {
			edges = append(edges, Edge{int(from[0] - 'a'), int(to[0] - 'a')})
		}
	}
	return n, edges
}

func TestLayered(t *testing.T) {
	for name, c := range map[string]struct{ edges, want string }{
		"nothing":              {"", "0x0"},
		"one":                  {"a", "1x1 a(0,0)"},
		"a chain":              {"a>b b>c", "3x1 a(0,0) b(1,0) c(2,0)"},
		"a fork":               {"a>b a>c", "2x2 a(0,0.5) b(1,0) c(1,1)"},
		"a diamond":            {"a>b a>c b>d c>d", "3x2 a(0,0.5) b(1,0) c(1,1) d(2,0.5)"},
		"the longest path":     {"a>b b>c a>c", "3x1 a(0,0) b(1,0) c(2,0)"},
		"a late source":        {"a>b b>c d>c", "3x2 a(0,0) b(1,0) c(2,0.5) d(1,1)"},
		"crossed":              {"a>d b>c", "2x2 a(0,0) b(0,1) c(1,1) d(1,0)"},
		"alone, below":         {"a>b c d", "2x3 a(0,0) b(1,0) c(0,2) d(0.8,2)"},
		"a cycle is survived":  {"a>b b>a c>d", "2x3 a(0,0) b(0,1) c(0,2) d(1,2)"},
		"an edge to nothing":   {"a", "1x1 a(0,0)"},
		"the same edge, twice": {"a>b a>b", "2x1 a(0,0) b(1,0)"},
	} {
		t.Run(name, func(t *testing.T) {
			n, edges := parse(c.edges)
			edges = append(edges, Edge{0, n}, Edge{-1, 0})
			l := Layered(n, edges, cell)
			got := fmt.Sprintf("%gx%g", l.Width, l.Height)
			for v, p := range l.At {
				got += fmt.Sprintf(" %c(%.3g,%.3g)", 'a'+v, p.X, p.Y)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// random is a graph as catalogs have them: few edges, most of them short.
func random(n int, seed uint64) []Edge {
	r := rand.New(rand.NewPCG(seed, 1))
	var edges []Edge
	for v := 1; v < n; v++ {
		for range r.IntN(3) {
			edges = append(edges, Edge{max(0, v-1-r.IntN(min(v, 40))), v})
		}
	}
	return edges
}

func TestNothingOverlaps(t *testing.T) {
	fan := func(n int) []Edge {
		var edges []Edge
		for v := 1; v < n; v++ {
			edges = append(edges, Edge{0, v})
		}
		return edges
	}
	chain := func(n int) []Edge {
		var edges []Edge
		for v := 1; v < n; v++ {
			edges = append(edges, Edge{v - 1, v})
		}
		return edges
	}
	for name, c := range map[string]struct {
		n     int
		edges []Edge
	}{
		"random 60":   {60, random(60, 1)},
		"random 3000": {3000, random(3000, 2)},
		"alone 3000":  {3000, nil},
		"fan 3000":    {3000, fan(3000)},
		"chain 300":   {300, chain(300)},
	} {
		t.Run(name, func(t *testing.T) {
			l := Layered(c.n, c.edges, cell)
			if ratio := l.Width * cell / l.Height; c.n > 200 && (ratio < 0.4 || ratio > 6) {
				t.Errorf("%g x %g cells: %.2g times as wide as high", l.Width, l.Height, ratio)
			}
			columns := map[int][]float64{}
			for v, p := range l.At {
				if p.X < 0 || p.Y < 0 || p.X > l.Width-1+1e-9 || p.Y > l.Height-1+1e-9 {
					t.Fatalf("%d at %v is outside of %g x %g", v, p, l.Width, l.Height)
				}
				for dx := -7; dx <= 7; dx++ {
					for _, y := range columns[int(math.Round(p.X*10))+dx] {
						if math.Abs(y-p.Y) < 1-1e-9 {
							t.Fatalf("%d at %v overlaps another at row %g", v, p, y)
						}
					}
				}
				x := int(math.Round(p.X * 10))
				columns[x] = append(columns[x], p.Y)
			}
			if diff := cmp.Diff(l, Layered(c.n, c.edges, cell)); diff != "" {
				t.Errorf("not the same twice: %s", diff)
			}
		})
	}
}

func TestEdgesLeadRight(t *testing.T) {
	edges := random(100, 3)
	l := Layered(100, edges, cell)
	linked := map[int]bool{}
	for _, e := range edges {
		linked[e.From], linked[e.To] = true, true
	}
	for _, e := range edges {
		if l.At[e.From].X >= l.At[e.To].X && l.At[e.From].Y >= l.At[e.To].Y {
			t.Errorf("%v leads from %v to %v", e, l.At[e.From], l.At[e.To])
		}
	}
}

func TestSpread(t *testing.T) {
	for name, c := range map[string]struct{ wanted, want []float64 }{
		"as wanted":     {[]float64{0, 2, 5}, []float64{0, 2, 5}},
		"pushed apart":  {[]float64{1, 1}, []float64{0.5, 1.5}},
		"order is kept": {[]float64{5, 0}, []float64{2, 3}},
		"three":         {[]float64{0, 0, 0}, []float64{-1, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, spread(c.wanted)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func BenchmarkLayered(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		edges := random(n, 1)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				Layered(n, edges, cell)
			}
		})
	}
}
