package figures

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/bench/floor"
	"github.com/nodeapply/apply/bench/state"
)

// README.md is what the figures beside it give, and its notes are kept.
func TestReadme(t *testing.T) {
	r, err := Load("..")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, notes, ok := strings.Cut(string(want), byHand)
	if !ok || strings.TrimSpace(notes) == "" {
		t.Fatalf("no notes below %q", byHand)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("old\n"+byHand+notes), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
		t.Error(err, diff)
	}
	again, err := Load(dir)
	if diff := cmp.Diff(r, again); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func took(tool string, n int, wall float64, why string) Cell {
	return Cell{Tool: tool, Shape: state.Inline, N: n, First: floor.Cost{Wall: wall}, Again: floor.Cost{CPU: wall}, Why: why}
}

func TestGaveUp(t *testing.T) {
	for name, tc := range map[string]struct {
		before Cell
		want   string
	}{
		"fast enough":                  {took("puppet", 100, 5, ""), ""},
		"over it at this pace":         {took("puppet", 100, 40, ""), "100 took 40 s: 1000 are over the budget"},
		"too small to judge the pace":  {took("puppet", 10, 40, ""), ""},
		"over it with less":            {took("puppet", 10, 0, OverBudget), OverBudget},
		"over it with as many":         {took("puppet", 1000, 0, OverBudget), ""},
		"failed with less":             {took("puppet", 100, 40, "failed: exit code 1"), ""},
		"another tool is over it":      {took("ansible", 10, 0, OverBudget), ""},
		"another shape is no evidence": {Cell{Tool: "puppet", Shape: state.Each, N: 10, Why: OverBudget}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Results{Cells: []Cell{tc.before}}
			if got := r.GaveUp("puppet", state.Inline, 1000, 5*time.Minute); got != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}

// What is measured again is in the place of what was; a reason not to measure is forgotten for those that are.
func TestPut(t *testing.T) {
	r := &Results{}
	r.Put(took("puppet", 10, 1, ""))
	r.Put(took("puppet", 100, 0, OverBudget))
	r.Put(took("ansible", 100, 0, OverBudget))
	r.Put(took("puppet", 10, 2, ""))
	r.ForgetReasons(state.Inline, []string{"puppet"})
	if diff := cmp.Diff([]Cell{took("puppet", 10, 2, ""), took("ansible", 100, 0, OverBudget)}, r.Cells); diff != "" {
		t.Error(diff)
	}
}

func TestExponent(t *testing.T) {
	start := Cell{Tool: "apply", Shape: state.Nothing, Again: floor.Cost{CPU: 1}}
	for name, tc := range map[string]struct {
		cells    []Cell
		e        float64
		from, to int
	}{
		"linear, beyond the start": {[]Cell{start, took("apply", 10, 9, ""), took("apply", 1000, 2, ""), took("apply", 100_000, 101, "")}, 1, 1000, 100_000},
		"one size":                 {[]Cell{start, took("apply", 100, 1, ""), took("apply", 1000, 2, "")}, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e, from, to := (&Results{Cells: tc.cells}).exponent(state.Inline)
			if e < tc.e-1e-9 || e > tc.e+1e-9 || from != tc.from || to != tc.to {
				t.Errorf("got %g, %d to %d", e, from, to)
			}
		})
	}
}
