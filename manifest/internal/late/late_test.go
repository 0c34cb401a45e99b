package late

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/resources"
)

type noFiles struct{}

func (noFiles) File(string) *hcl.File { return nil }

func explained(found hcl.Diagnostics) diag.List {
	return diag.From(found, noFiles{}, func(text string) string { return strings.ReplaceAll(text, "secret", "***") })
}

// What is wrong in the run is told with the reason that it has: a mistake, or that values were not given.
func TestEval(t *testing.T) {
	at := &hcl.Range{Filename: "main.hcl", Start: hcl.Pos{Line: 3, Column: 1}}
	mistake := func(r *cell.Run) { r.Errorf(at, "Wrong", "A secret is no number.") }
	ungiven := func(r *cell.Run) {
		if r.Blind {
			r.Ungiven = append(r.Ungiven, resources.Address{Type: "exec", Title: "x"})
		}
	}
	for _, tc := range []struct {
		name string
		do   func(r *cell.Run) error
		want string
		list bool
	}{
		{"nothing wrong", func(r *cell.Run) error { ungiven(r); return nil }, "", false},
		{"a warning", func(r *cell.Run) error {
			r.Diags = append(r.Diags, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "Odd", Subject: at})
			return nil
		}, "", false},
		{"a mistake", func(r *cell.Run) error { mistake(r); return nil }, "main.hcl:3: Wrong; A *** is no number.", true},
		{"a mistake in any case", func(r *cell.Run) error { ungiven(r); mistake(r); return nil }, "main.hcl:3: Wrong; A *** is no number.", true},
		{"a mistake for want of values", func(r *cell.Run) error {
			if ungiven(r); !r.Blind {
				mistake(r)
			}
			return nil
		}, "exec.x did not run, so its values are null; coalesce() or try() may say what to use then", false},
		{"an error", func(*cell.Run) error { return errors.New("exec.y did not run") }, "exec.y did not run", false},
		{"an error for want of values", func(r *cell.Run) error { ungiven(r); return errors.New("no value") },
			"exec.x did not run, so its values are null; coalesce() or try() may say what to use then", false},
		{"an error beside a mistake", func(r *cell.Run) error { mistake(r); return errors.New("no value") }, "main.hcl:3: Wrong; A *** is no number.", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := Evaluator{Watch: &limits.Watch{}, Explain: explained}
			values := func(resources.Address) (map[string]any, bool) { return nil, false }
			err := e.Eval(t.Context(), values, func(r *cell.Run) error {
				if r.Late == nil {
					t.Error("want the values of the run")
				}
				return tc.do(r)
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			var list diag.List
			if errors.As(err, &list) != tc.list {
				t.Errorf("want a list of mistakes: %v, got %T", tc.list, err)
			}
			var none *catalog.NotGiven
			if errors.As(err, &none) != strings.Contains(tc.want, "coalesce") {
				t.Errorf("got %T", err)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	e := Evaluator{Watch: &limits.Watch{}, Explain: explained}
	if err := e.Mistakes(t.Context(), nil); err != nil {
		t.Errorf("want none, got %v", err)
	}
	err := e.Mistakes(t.Context(), hcl.Diagnostics{diag.Errorf(&hcl.Range{}, "Wrong", "It is a secret.")})
	if diff := cmp.Diff("Wrong; It is a ***.", err.Error()); diff != "" {
		t.Error(diff)
	}
	why := errors.New("the run ends")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := e.Mistakes(ctx, hcl.Diagnostics{diag.Errorf(&hcl.Range{}, "Wrong", "x")}); !errors.Is(err, why) {
		t.Errorf("want %v, got %v", why, err)
	}
	if err := e.Eval(ctx, nil, func(*cell.Run) error { return nil }); !errors.Is(err, why) {
		t.Errorf("want %v, got %v", why, err)
	}
}
