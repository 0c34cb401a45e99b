package certainty

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// thing provides and requires paths.
type thing struct {
	resources.Resource
	provides, requires []resources.Identity
}

func (t *thing) Provides() []resources.Identity { return t.provides }
func (t *thing) Requires() []resources.Identity { return t.requires }

// waiting waits for others.
type waiting struct{ *thing }

func (waiting) Waits() {}

// declared makes a catalog of "a" "b+/etc" "c-/etc" "d-/etc/x*": what provides, requires, and requires with the nearest folder doing. Each comes after the one
// before; "|" stands for a barrier between two sets.
func declared(t *testing.T, decl string) *catalog.Catalog {
	t.Helper()
	var entries []*catalog.Entry
	var rels []catalog.Relation
	module := func(i int) string { return []string{"", "module.m", "module.n"}[i] }
	part := 0
	if strings.Contains(decl, "|") {
		part = 1
		rels = append(rels, catalog.Relation{From: resources.Address{Module: module(1)}, To: resources.Address{Module: module(2)}})
	}
	for _, d := range strings.Fields(decl) {
		if d == "|" {
			part = 2
			continue
		}
		th := &thing{}
		if path, ok := strings.CutPrefix(d[1:], "+"); ok {
			th.provides = []resources.Identity{{Kind: "path", Name: path}}
		}
		if path, ok := strings.CutPrefix(d[1:], "-"); ok {
			th.requires = []resources.Identity{{Kind: "path", Name: strings.TrimSuffix(path, "*"), Nearest: strings.HasSuffix(path, "*")}}
		}
		e := &catalog.Entry{Addr: resources.Address{Module: module(part), Type: "t", Title: d[:1]}, Resource: th}
		if part == 0 && len(entries) > 0 {
			rels = append(rels, catalog.Relation{From: entries[len(entries)-1].Addr, To: e.Addr})
		}
		entries = append(entries, e)
	}
	c, problems := catalog.New(entries, rels, nil)
	if problems != nil {
		t.Fatal(problems)
	}
	return c
}

// TestPass walks a chain and says of its last what comes before it and what its check may see, as the certainty of a result that is pending with and
// without changes.
func TestPass(t *testing.T) {
	for _, tc := range []struct{ name, decl, changed, wide, bare, full string }{
		{"nothing changes", "a b", "", "", "exact", "exact"},
		{"what is before changes", "a b", "a", "", "after t.a", "exact"},
		{"the nearest one", "a b c", "ab", "", "after t.b", "exact"},
		{"further away", "a b c", "a", "", "after t.a", "exact"},
		{"what it requires", "a+/etc b-/etc", "a", "", "after t.a", "after t.a"},
		{"what it does not", "a+/etc b-/srv", "a", "", "after t.a", "exact"},
		{"a folder above", "a+/etc b-/etc/x*", "a", "", "after t.a", "after t.a"},
		{"a wide change", "a b", "a", "a", "after t.a", "after t.a"},
		{"a wide change before another", "a b c", "ab", "a", "after t.b", "after t.a"},
		{"wide, and does not come", "a b", "", "a", "exact", "exact"},
		{"over a barrier", "a | b", "a", "", "after module.m.t.a", "exact"},
		{"wide over a barrier", "a | b", "a", "a", "after module.m.t.a", "after module.m.t.a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := declared(t, tc.decl)
			i := New(c)
			last := len(c.Entries()) - 1
			for _, v := range c.Graph().Order() {
				changed, wide := v > last, false // a barrier hands on, and is no change of its own
				if v <= last {
					title := c.Entries()[v].Addr.Title
					changed, wide = strings.Contains(tc.changed, title), strings.Contains(tc.wide, title)
				}
				for _, e := range c.Graph().Succ(v) {
					i.Pass(v, e.To, changed, wide)
				}
			}
			bare, full := report.Result{Outcome: report.Pending}, report.Result{Outcome: report.Pending, Changes: []report.Change{{Attribute: "ensure"}}}
			if diff := cmp.Diff([]string{tc.bare, tc.full}, []string{i.Of(last, &bare, resources.Diff{}, false), i.Of(last, &full, resources.Diff{}, false)}); diff != "" {
				t.Error(diff)
			}
			if i.After(last) != (tc.bare != report.Exact) {
				t.Errorf("after a change: got %v", i.After(last))
			}
		})
	}
}

// TestPassOfShared: what comes after all of several may see what one of them changes, though they stand behind a barrier.
func TestPassOfShared(t *testing.T) {
	set := []resources.Identity{{Kind: "set", Name: "s", Shared: true}}
	for requires, want := range map[string]string{"s": "after t.a", "other": "exact"} {
		entries := []*catalog.Entry{
			{Addr: resources.Address{Type: "t", Title: "a"}, Resource: &thing{provides: set}},
			{Addr: resources.Address{Type: "t", Title: "b"}, Resource: &thing{provides: set}},
			{Addr: resources.Address{Type: "t", Title: "c"}, Resource: &thing{requires: []resources.Identity{{Kind: "set", Name: requires, Shared: true}}}},
		}
		c, problems := catalog.New(entries, nil, nil)
		if problems != nil {
			t.Fatal(problems)
		}
		i := New(c)
		for _, v := range c.Graph().Order() {
			for _, e := range c.Graph().Succ(v) {
				i.Pass(v, e.To, v == 0, false)
			}
		}
		res := report.Result{Outcome: report.Pending, Changes: []report.Change{{Attribute: "ensure"}}}
		if got := i.Of(2, &res, resources.Diff{}, false); got != want {
			t.Errorf("requires %s: want %q, got %q", requires, want, got)
		}
	}
}

// TestPassOfSeveral: what a plan says of a resource after several that would change does not depend on which of them has ended first.
func TestPassOfSeveral(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		i := New(declared(t, "a b c"))
		for _, v := range order {
			i.Pass(v, 2, true, true)
		}
		bare := report.Result{Outcome: report.Pending}
		full := report.Result{Outcome: report.Pending, Changes: []report.Change{{Attribute: "ensure"}}}
		got := []string{i.Of(2, &bare, resources.Diff{}, false), i.Of(2, &full, resources.Diff{}, false)}
		if diff := cmp.Diff([]string{"after t.b", "after t.b"}, got); diff != "" {
			t.Errorf("ended in the order %v: %s", order, diff)
		}
	}
}

// TestOf is of the second of two, the first of which would change unseen.
func TestOf(t *testing.T) {
	some := []report.Change{{Attribute: "ensure"}}
	for _, tc := range []struct {
		name     string
		options  catalog.Options
		res      report.Result
		d        resources.Diff
		notified bool
		want     string
	}{
		{name: "as declared", res: report.Result{Outcome: report.Unchanged}, want: "exact"},
		{name: "would change", res: report.Result{Outcome: report.Pending, Changes: some}, want: "exact"},
		{name: "a command", res: report.Result{Outcome: report.Pending, Changes: some}, d: resources.Diff{Changes: []resources.Change{{Opaque: true}}}, want: "opaque"},
		{name: "of which nothing is known yet", res: report.Result{Outcome: report.Pending}, want: "after t.a"},
		{name: "with a guard", options: catalog.Options{Unless: []string{"x"}}, res: report.Result{Outcome: report.Unchanged}, want: "after t.a"},
		{name: "would be refreshed", res: report.Result{Outcome: report.Pending, Refreshed: true, NotifiedBy: []string{"t.z"}}, notified: true, want: "after t.z"},
		{name: "owes a refresh", res: report.Result{Outcome: report.Pending, Refreshed: true, NotifiedBy: []string{"t.z"}}, want: "exact"},
		{name: "would change, and be refreshed", res: report.Result{Outcome: report.Pending, Changes: some, Refreshed: true, NotifiedBy: []string{"t.z"}}, notified: true, want: "exact"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := declared(t, "a b")
			c.Entries()[1].Options = tc.options
			i := New(c)
			i.Pass(0, 1, true, false)
			if got := i.Of(1, &tc.res, tc.d, tc.notified); got != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}

// TestWaits: what others have to do first may be done when the run comes to it.
func TestWaits(t *testing.T) {
	c := declared(t, "a b")
	c.Entries()[1].Resource = waiting{&thing{}}
	i := New(c)
	for outcome, want := range map[report.Outcome]string{report.Pending: report.KnownLate, report.Unchanged: report.Exact} {
		if got := i.Of(1, &report.Result{Outcome: outcome, Changes: []report.Change{{Attribute: "fact"}}}, resources.Diff{}, false); got != want {
			t.Errorf("%s: want %q, got %q", outcome, want, got)
		}
	}
}
