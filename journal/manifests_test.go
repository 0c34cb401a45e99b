package journal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nodeapply/apply/resources"
)

// of is a manifest that declares every target as given.
func of(source, as string) Manifest {
	return Manifest{Source: source, Sum: func(resources.Address) string { return as }}
}

// TestTwoManifests: what a run of one manifest owes b it owes still when a run of another one has refreshed what that declares as b.
func TestTwoManifests(t *testing.T) {
	type run struct {
		of   Manifest
		want bool // b is owed a refresh, which the run delivers
	}
	for name, tc := range map[string]struct {
		owes Manifest // left by a run of it
		runs []run
	}{
		"the same":            {of("a", "1"), []run{{of("a", "1"), true}, {of("a", "1"), false}}},
		"the same, edited":    {of("a", "1"), []run{{of("a", "2"), true}, {of("a", "1"), false}}},
		"by turns":            {of("a", "1"), []run{{of("b", "2"), true}, {of("b", "2"), false}, {of("a", "1"), true}, {of("a", "1"), false}, {of("b", "2"), false}}},
		"the other, edited":   {of("a", "1"), []run{{of("b", "2"), true}, {of("b", "3"), false}, {of("a", "1"), true}}},
		"three":               {of("a", "1"), []run{{of("b", "2"), true}, {of("c", "3"), true}, {of("b", "2"), false}, {of("a", "1"), true}}},
		"of one declaration":  {of("a", "1"), []run{{of("b", "1"), true}, {of("b", "1"), false}, {of("a", "1"), true}, {of("b", "1"), false}}},
		"at a new path":       {of("a1", "1"), []run{{of("a2", "1"), true}, {of("a3", "1"), false}}},
		"renamed after turns": {of("a", "1"), []run{{of("b", "2"), true}, {of("c", "1"), true}, {of("c", "1"), false}}},
		"sums are not known":  {Manifest{Source: "a"}, []run{{Manifest{Source: "b"}, true}, {Manifest{Source: "b"}, false}, {Manifest{Source: "a"}, true}}},
		"an older version's":  {Manifest{}, []run{{of("b", "2"), true}, {of("a", "1"), false}}},
		"by an unknown one":   {of("a", "1"), []run{{Manifest{}, true}, {Manifest{}, false}, {of("a", "1"), true}}},
	} {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, closed %v", name, closed), func(t *testing.T) {
				s := open(t, t.TempDir())
				id := 0
				begin := func(m Manifest) *Run {
					t.Helper()
					id++
					r, _, err := s.Begin(fmt.Sprint(id), "token", "", m, start)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = r.Close() })
					return r
				}
				owe(t, begin(tc.owes))
				for i, step := range tc.runs {
					owed, err := s.Owed(step.of)
					if err != nil {
						t.Fatal(err)
					}
					r := begin(step.of)
					if got := len(r.Owed(addr("b"))) > 0; got != step.want || got != (len(owed(addr("b"))) > 0) {
						t.Errorf("run %d: owed %v, want %v; planned %v", i, got, step.want, owed(addr("b")))
					}
					if err := r.Begin(t.Context(), addr("c"), resources.Diff{}, nil, nil); err != nil { // it has a journal
						t.Fatal(err)
					}
					if err := r.Settled(t.Context(), addr("b")); err != nil {
						t.Fatal(err)
					}
					if closed {
						if err := r.Close(); err != nil {
							t.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// TestDividedOfTwoManifests: what a run divides, and delivers, of the debts of another manifest is owed to that one's block still.
func TestDividedOfTwoManifests(t *testing.T) {
	s := open(t, t.TempDir())
	begin := func(id string, m Manifest) *Run {
		t.Helper()
		r, _, err := s.Begin(id, "token", "", m, start)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	owe(t, begin("1", of("a", "1")))
	for id := 2; id < 4; id++ { // the second finds nothing to divide
		r := begin(fmt.Sprint(id), of("b", "2"))
		if err := r.Divided(t.Context(), addr("b"), []resources.Address{addr("b1"), addr("b2")}); err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{"b1", "b2"} {
			if got := len(r.Owed(addr(target))) > 0; got != (id == 2) {
				t.Errorf("run %d: %s is owed %v", id, target, got)
			}
			if err := r.Settled(t.Context(), addr(target)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := begin("4", of("a", "1"))
	for target, want := range map[string]bool{"b": true, "b1": false, "b2": false} {
		if got := len(r.Owed(addr(target))) > 0; got != want {
			t.Errorf("%s is owed %v, want %v", target, got, want)
		}
	}
}

// TestManifestsAtRandom: whatever manifests run by turns, each is owed what its own runs owe until it was delivered by one of them, also if they die; one of
// which nothing was known is owed what any is; and nobody is owed it again by whom it was delivered.
func TestManifestsAtRandom(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		s := open(t, t.TempDir())
		var due [3]bool       // by manifest
		var delivered [3]bool // since the last debt of any
		for id := range 20 {
			m := rnd.IntN(len(due))
			r, _, err := s.Begin(fmt.Sprintf("%02d", id), "token", "", of(fmt.Sprint("m", m), fmt.Sprint(m)), start)
			if err != nil {
				t.Fatal(err)
			}
			stranger, err := s.Owed(of("new", "new"))
			if err != nil {
				t.Fatal(err)
			}
			owed := len(r.Owed(addr("b"))) > 0
			switch {
			case due[m] && !owed:
				t.Fatalf("seed %d, run %d: a refresh is lost", seed, id)
			case delivered[m] && owed:
				t.Fatalf("seed %d, run %d: it is owed again", seed, id)
			case due != [3]bool{} && len(stranger(addr("b"))) == 0:
				t.Fatalf("seed %d, run %d: it is lost where the manifest is renamed", seed, id)
			}
			if rnd.IntN(2) == 0 {
				owe(t, r)
				due[m], delivered = true, [3]bool{}
			}
			if rnd.IntN(2) == 0 {
				if err := r.Settled(t.Context(), addr("b")); err != nil {
					t.Fatal(err)
				}
				due[m], delivered[m] = false, true
			}
			if rnd.IntN(2) == 0 {
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
			} else if err := r.Leave(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
