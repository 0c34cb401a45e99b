package late_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/late"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// thing is a resource that has no values.
type thing struct{ resources.Resource }

// command is one that has.
type command struct {
	thing
	values map[string]any
}

func (c command) Values() map[string]any { return c.values }

func addr(title, instance string) resources.Address {
	return resources.Address{Type: "t", Title: title, Instance: instance}
}

func TestVisited(t *testing.T) {
	said := map[string]any{"stdout": "x"}
	for _, tc := range []struct {
		name       string
		r          resources.Resource
		outcome    report.Outcome
		predicting bool
		want       map[string]any
	}{
		{"it ran", command{values: said}, report.Changed, false, said},
		{"it was not needed", command{}, report.Unchanged, false, map[string]any{}},
		{"it failed", command{}, report.Failed, false, map[string]any{}},
		{"it has no values", thing{}, report.Changed, false, nil},
		{"it stays as it is", command{values: said}, report.Unchanged, true, said},
		{"it may stay as it is", command{}, report.Unchanged, true, nil},
		{"it will run", command{values: said}, report.Pending, true, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l late.Values
			l.Visited(&catalog.Entry{Addr: addr("a", ""), Resource: tc.r}, tc.outcome, tc.predicting)
			got, ok := l.Lookup(addr("a", ""))
			if diff := cmp.Diff(tc.want, got); diff != "" || ok != (tc.want != nil) {
				t.Error(ok, diff)
			}
		})
	}
}

func TestGiven(t *testing.T) {
	a, off, each := &catalog.Entry{Addr: addr("a", ""), Resource: command{}}, &catalog.Entry{Addr: addr("off", ""), Resource: command{}}, &catalog.Entry{Addr: addr("each", "")}
	off.Off = true
	each.Deferred = &catalog.Deferred{Repeated: true, Blank: command{}}
	c, problems := catalog.New([]*catalog.Entry{a, off, each}, nil, nil)
	if problems != nil {
		t.Fatal(problems)
	}
	none := func(int) bool { return false }
	for _, tc := range []struct {
		name    string
		visited []resources.Address
		needs   []resources.Address
		leftOut func(v int) bool
		want    bool
	}{
		{"nothing", nil, nil, none, true},
		{"not yet", nil, []resources.Address{addr("a", "")}, none, false},
		{"visited", []resources.Address{addr("a", "")}, []resources.Address{addr("a", "")}, none, true},
		{"not managed", nil, []resources.Address{addr("off", "")}, none, true},
		{"left out", nil, []resources.Address{addr("a", "")}, func(v int) bool { return v == 0 }, true},
		{"an instance", []resources.Address{addr("each", "[0]")}, []resources.Address{addr("each", "[0]")}, none, true},
		{"another instance", []resources.Address{addr("each", "[0]")}, []resources.Address{addr("each", "[1]")}, none, false},
		{"one of two", []resources.Address{addr("a", "")}, []resources.Address{addr("a", ""), addr("each", "")}, none, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l late.Values
			for _, a := range tc.visited {
				l.Visited(&catalog.Entry{Addr: a, Resource: command{}}, report.Changed, false)
			}
			if got := l.Given(c, tc.needs, tc.leftOut); got != tc.want {
				t.Errorf("want %v, got %v", tc.want, got)
			}
		})
	}
}
