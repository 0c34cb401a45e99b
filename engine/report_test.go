package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/selection"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// teller knows afterwards what it did.
type teller struct{ thing }

func (*teller) Done(found resources.Diff) resources.Diff {
	return resources.Diff{Changes: []resources.Change{{Attr: "ensure", From: found.Changes[0].From, To: "1.2"}}, Notes: []string{"a lock was waited for"}}
}

// What a resource says after its change is what the report says; a plan has only what was found.
func TestReporter(t *testing.T) {
	w := &world{}
	c := parse(t, w, "a", "")
	th := c.Entries()[0].Resource.(*thing)
	c.Entries()[0].Resource = &teller{*th}
	for _, tt := range []struct {
		run   func() (*report.Report, error)
		after string
		told  []string
	}{
		{func() (*report.Report, error) { return Plan(t.Context(), node{}, c, Options{}) }, "present", nil},
		{func() (*report.Report, error) { return Converge(t.Context(), node{}, c, Options{}) }, "1.2", []string{"a lock was waited for"}},
	} {
		r, err := tt.run()
		if err != nil {
			t.Fatal(err)
		}
		res := r.Results[0]
		if d := cmp.Diff([]string{tt.after}, []string{res.Changes[0].After}); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(tt.told, res.Warnings); d != "" {
			t.Error(d)
		}
	}
}

// lender lends its slot for a second of its change.
type lender struct{ thing }

func (l *lender) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	waiting.For(ctx, func() { time.Sleep(time.Second) })
	return l.thing.Apply(ctx, h, d)
}

// TestDurationIsOfTheResource: what others take while a resource could go on is neither in its time nor in its deadline.
func TestDurationIsOfTheResource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{on: func(what string) {
			if what == "apply b" {
				time.Sleep(time.Minute)
			}
		}}
		c := parse(t, w, "a:timeout=10s b", "")
		c.Entries()[0].Resource = &lender{*c.Entries()[0].Resource.(*thing)}
		r, err := Converge(t.Context(), node{}, c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, res := range r.Results {
			got = append(got, fmt.Sprintf("%s %s from %v for %v ms", res.Title, res.Outcome, res.StartMS, res.DurationMS))
		}
		want := []string{"a changed from 59000 for 1000 ms", "b changed from 0 for 60000 ms"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// TestEdgesOfInstances: a relation with one instance leads from and to it alone, one with a block that only the run repeats to all that it has become.
func TestEdgesOfInstances(t *testing.T) {
	for name, tc := range map[string]struct {
		decl, edges string
		want        []report.Edge
	}{
		"one":         {"a:there d b c", "d.y~b c>d.x", []report.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 2, To: 5, Notify: true}, {From: 4, To: 6}, {From: 5, To: 3, Notify: true}, {From: 6, To: 1}}},
		"none such":   {"a:there d b", "d.z>b", []report.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 4, To: 3}}},
		"all":         {"a:there d b", "d>b", []report.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 3}, {From: 2, To: 3}}},
		"not known":   {"a d b", "d.y>b", []report.Edge{{From: 0, To: 1}, {From: 1, To: 3}, {From: 3, To: 2}}},
		"all and all": {"a:there d d2", "d>d2", []report.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 0, To: 3}, {From: 0, To: 4}, {From: 1, To: 5}, {From: 2, To: 5}, {From: 5, To: 3}, {From: 5, To: 4}}},
	} {
		t.Run(name, func(t *testing.T) {
			rep, err := Plan(t.Context(), node{}, repeating(t, &world{}, tc.decl, tc.edges, "d.x d.y", nil), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, rep.Edges); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestEdges: relations lead between results, by their index; a set is an index beyond them. What is left out has no result.
func TestEdges(t *testing.T) {
	w := &world{}
	entries := declare(t, w, "a:tag=x b c d e:there")
	for i, m := range []string{"", "module.m", "module.m", "module.n", "module.n"} {
		entries[i].Addr.Module = m
	}
	rels := []catalog.Relation{
		{From: entries[0].Addr, To: entries[1].Addr},
		{From: entries[1].Addr, To: entries[2].Addr, Kind: catalog.Notify},
		{From: resources.Address{Module: "module.m"}, To: resources.Address{Module: "module.n"}},
	}
	for name, tc := range map[string]struct {
		choice selection.Choice
		want   []report.Edge
	}{
		"all": {selection.Choice{}, []report.Edge{{From: 0, To: 1}, {From: 1, To: 2, Notify: true}, {From: 1, To: 5}, {From: 2, To: 5}, {From: 5, To: 6}, {From: 6, To: 3}, {From: 6, To: 4}}},
		"without a": {selection.Choice{SkipTags: []string{"x"}},
			[]report.Edge{{From: 0, To: 1, Notify: true}, {From: 0, To: 4}, {From: 1, To: 4}, {From: 4, To: 5}, {From: 5, To: 2}, {From: 5, To: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			rep, err := Plan(t.Context(), node{}, newCatalog(t, entries, rels), Options{Choice: tc.choice})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, rep.Edges); d != "" {
				t.Error(d)
			}
		})
	}
}
