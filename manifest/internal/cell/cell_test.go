package cell_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/resources"
)

var at = &hcl.Range{Filename: "main.hcl", Start: hcl.Pos{Line: 3}}

func unwatched(*hcl.Range) {}

func TestACellIsComputedOnce(t *testing.T) {
	computed, steps := 0, 0
	c := cell.New("local.a", at, func(*cell.Run) cell.Result { computed++; return cell.Result{Val: cty.True, OK: true} })
	r := cell.NewRun(nil, func(next *hcl.Range) {
		if next == at {
			steps++
		}
	})
	for range 3 {
		if got := r.Get(c); !got.OK || got.Val != cty.True {
			t.Errorf("want true, got %v", got)
		}
	}
	if computed != 1 || steps != 1 {
		t.Errorf("computed %d times, watched %d times", computed, steps)
	}
}

func TestCycles(t *testing.T) {
	var a, b, self *cell.Cell
	a = cell.New("local.a", at, func(r *cell.Run) cell.Result { return *r.Get(b) })
	b = cell.New("local.b", at, func(r *cell.Run) cell.Result { return *r.Get(a) })
	self = cell.New("local.self", at, func(r *cell.Run) cell.Result { return *r.Get(self) })
	var deep func(n int) *cell.Cell
	deep = func(n int) *cell.Cell {
		return cell.New("local.deep", at, func(r *cell.Run) cell.Result { return *r.Get(deep(n + 1)) })
	}
	for _, tc := range []struct {
		c    *cell.Cell
		want string
	}{
		{a, "These refer to each other in a circle: local.a -> local.b -> local.a."},
		{self, "`local.self` refers to itself."},
		{deep(0), "More than 20000 values refer to each other in one chain, which is over the limit."},
	} {
		r := cell.NewRun(nil, unwatched)
		if got := r.Get(tc.c); got.OK {
			t.Errorf("%s: it has a value: %v", tc.want, got)
		}
		if len(r.Diags) != 1 || r.Diags[0].Detail != tc.want || r.Diags[0].Subject != at {
			t.Errorf("want %q, got %v", tc.want, r.Diags)
		}
	}
}

// What a run gives is seen by that run alone, and computed once in it.
func TestLateValues(t *testing.T) {
	computed := 0
	late := cell.New("exec.x", at, func(r *cell.Run) cell.Result {
		computed++
		if r.Late == nil {
			return cell.Result{Val: cty.DynamicVal, OK: true}
		}
		values, _ := r.Late(resources.Address{})
		return cell.Result{Val: cty.StringVal(values["stdout"].(string)), OK: true}
	})
	known := cell.Of(cty.StringVal("known"))
	run := func(values catalog.Values) string {
		r := cell.NewRun(values, unwatched)
		var got []string
		for _, c := range []*cell.Cell{late, known, late} {
			if v := r.Get(c).Val; v.IsKnown() {
				got = append(got, v.AsString())
			}
		}
		return strings.Join(got, " ")
	}
	gives := func(text string) catalog.Values {
		return func(resources.Address) (map[string]any, bool) { return map[string]any{"stdout": text}, true }
	}
	got := []string{run(nil), run(gives("one")), run(gives("two")), run(nil)}
	if diff := cmp.Diff([]string{"known", "one known one", "two known two", "known"}, got); diff != "" || computed != 3 {
		t.Errorf("computed %d times; want -, got +:\n%s", computed, diff)
	}
}

func TestDeps(t *testing.T) {
	on := func(title string, late bool) cell.Dep {
		return cell.Dep{Addr: resources.Address{Type: "exec", Title: title}, Late: late}
	}
	a := cell.Deps{on("a", false), on("b", false)}
	sum := a.Add(cell.Deps{on("b", true), on("c", true), on("a", false)})
	if diff := cmp.Diff(cell.Deps{on("a", false), on("b", true), on("c", true)}, sum); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if got := sum.String(); got != "exec.b, exec.c" {
		t.Errorf("late: want exec.b, exec.c, got %s", got)
	}
	if a[1].Late {
		t.Error("the sum has changed its part")
	}
}

// Whom a mistake was told first may have had no use for it.
func TestMistakesAreToldToAllWhoAsk(t *testing.T) {
	bad := cell.New("local.bad", at, func(r *cell.Run) cell.Result {
		r.Errorf(at, "Wrong", "It is wrong.")
		return cell.Failed()
	})
	user := cell.New("local.user", at, func(r *cell.Run) cell.Result { r.Get(bad); return *r.Get(bad) })
	r := cell.NewRun(nil, unwatched)
	for _, c := range []*cell.Cell{bad, user, user, bad} {
		r.Diags = nil
		r.Get(c)
		if found := r.Since(0); len(found) != 1 || found[0].Detail != "It is wrong." {
			t.Errorf("want the mistake, got %v", found)
		}
	}
	many := bad
	for range 40 { // each refers to the one before twice: told each time, they would be 2^40
		one := many
		many = cell.New("local.many", at, func(r *cell.Run) cell.Result { r.Get(one); return *r.Get(one) })
	}
	r.Get(many)
	if len(r.Diags) > 1000 {
		t.Errorf("one mistake became %d", len(r.Diags))
	}
}
