package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// giver is a thing with a value for others.
type giver struct{ thing }

func (g *giver) Values() map[string]any {
	if g.words["mute"] {
		return nil
	}
	return map[string]any{"said": "value of " + g.name}
}

// surveyor is a thing that has to learn what is declared beside it.
type surveyor struct{ thing }

func (s *surveyor) Survey(func() resources.Declared) { s.w.did("survey %s", s.name) }

func (s *surveyor) Covers() string { return "" }

// deferring makes a catalog in which the last, d, is known only with the values of the first, a: what it becomes are the names in made. Fails is what is
// wrong with it then.
func deferring(t *testing.T, w *world, decl, edges, made string, fails error) *catalog.Catalog {
	t.Helper()
	entries := declare(t, w, decl)
	a, d := entries[0], entries[len(entries)-1]
	if th, ok := a.Resource.(*thing); ok {
		a.Resource = &giver{*th}
	}
	d.Deferred = &catalog.Deferred{
		Needs: []resources.Address{a.Addr}, Blank: d.Resource, Preview: []resources.Change{{Attr: "ensure", To: "(known after t.a)"}},
		Repeated: strings.Contains(made, "."),
		Bind: func(_ context.Context, late catalog.Values) ([]*catalog.Entry, error) {
			values, ok := late(a.Addr)
			w.did("bind with %v %v", values["said"], ok)
			out := declare(t, w, made)
			for _, e := range out {
				if th, ok := e.Resource.(*thing); ok && th.words["surveys"] {
					e.Resource = &surveyor{*th}
				}
			}
			return out, fails
		},
	}
	d.Resource = nil
	return newCatalog(t, entries, relate(edges))
}

func TestDeferred(t *testing.T) {
	for _, tc := range []struct {
		name, decl, edges, made, want, log string
		fails                              error
		plan, unnamed                      bool
		skip                               string // what has this tag
	}{
		{name: "a plan does not know", decl: "a d", made: "d", plan: true, want: "a=pending d=pending:known late"},
		{name: "what stays as it is says it at once", decl: "a:there d", made: "d", plan: true, want: "a=unchanged d=pending:known late", log: "bind with value of a true"},
		{name: "a change of what is not known is one", decl: "a s:there d", edges: "d~s", made: "d", plan: true, want: "a=pending s=pending:after t.d d=pending:known late"},
		{name: "what is off gives nothing later", decl: "a:off d", made: "d", plan: true, want: "a=unchanged d=pending:known late", log: "bind with <nil> false"},
		{name: "nor does what is left out", decl: "a:tag=x d", made: "d", plan: true, skip: "x", want: "d=pending:known late", log: "bind with <nil> false"},
		{name: "whatever comes after may see what it becomes", decl: "a x:there d", edges: "d>x", made: "d", plan: true,
			want: "a=pending x=unchanged:after t.d d=pending:known late"},
		{name: "also of one that it becomes", decl: "a:there x:there y:there d", edges: "d.1>x d.2>y", made: "d.1 d.2:there", plan: true,
			want: "a=unchanged x=unchanged:after t.d y=unchanged d.1=pending:known late d.2=unchanged:known late", log: "bind with value of a true"},
		{name: "not where it stays as it is", decl: "a:there x:there d", edges: "d>x", made: "d:there", plan: true,
			want: "a=unchanged x=unchanged d=unchanged:known late", log: "bind with value of a true"},
		{name: "one that has nothing to say has said so", decl: "a:mute d", made: "d", want: "a=changed d=changed:known late", log: "apply a,bind with <nil> true,apply d"},
		{name: "one that has to know what is declared", decl: "a:there d", made: "d:surveys", want: "a=unchanged d=changed:known late",
			log: "bind with value of a true,survey d,bind with value of a true,survey d,apply d"},
		{name: "bound", decl: "a d", made: "d", want: "a=changed d=changed:known late", log: "apply a,bind with value of a true,apply d"},
		{name: "to several", decl: "a d", made: "d.1 d.2:there d.3:fails", want: "a=changed d.1=changed:known late d.2=unchanged:known late d.3=failed:known late",
			log: "apply a,bind with value of a true,apply d.1,apply d.3"},
		{name: "of which one fails", decl: "a b d", edges: "d>b", made: "d.1:fails d.2", want: `a=changed b=skipped(t.d["1"]) d.1=failed:known late d.2=changed:known late`,
			log: "apply a,bind with value of a true,apply d.1,apply d.2"},
		{name: "to none", decl: "a d", made: "", want: "a=changed d=unchanged:known late", log: "apply a,bind with value of a true"},
		{name: "a change of one notifies", decl: "a s:there d", edges: "d~s", made: "d.1:there d.2 d.3:there", want: "a=changed s=refreshed:after t.d d.1=unchanged:known late d.2=changed:known late d.3=unchanged:known late",
			log: "apply a,bind with value of a true,apply d.2,refresh s"},
		{name: "the one that it needs fails", decl: "a:fails d", made: "d", want: "a=failed d=skipped(t.a)", log: "apply a"},
		{name: "its values are not given", decl: "a d", fails: &catalog.NotGiven{From: []resources.Address{{Type: "t", Title: "a"}}}, want: "a=changed d=unchanged:known late",
			log: "apply a,bind with value of a true"},
		{name: "it cannot be made, which others are told", decl: "a f", fails: errors.New("no such key"), want: "a=changed f=failed", log: "apply a,bind with value of a true,skip f for t.f"},
		{name: "nobody is told of what has no name yet", decl: "a f", fails: errors.New("no such key"), unnamed: true, want: "a=changed f=failed", log: "apply a,bind with value of a true"},
	} {
		ways(t, tc.name, func(t *testing.T, w *world) {
			c := deferring(t, w, tc.decl, tc.edges, tc.made, tc.fails)
			if last := c.Entries()[len(c.Entries())-1]; tc.unnamed {
				last.Deferred.Unnamed = true
			}
			var o Options
			if tc.skip != "" {
				o.SkipTags = []string{tc.skip}
			}
			rep := reported(t, c, o, tc.plan)
			var got []string
			for i, o := range strings.Fields(outcomes(rep)) {
				if c := rep.Results[i].Certainty; c == report.KnownLate || strings.HasPrefix(c, report.CertaintyAfter+"t.d") {
					o += ":" + c
				}
				got = append(got, o)
			}
			if diff := cmp.Diff([]string{tc.want, tc.log}, []string{strings.Join(got, " "), strings.Join(w.log, ",")}); diff != "" {
				t.Error(diff)
			}
			if len(rep.Surprises) > 0 && !strings.Contains(tc.want, "failed") {
				t.Errorf("not as planned: %v", rep.Surprises)
			}
		})
	}
}

// TestDeferredStops: of what a block becomes nothing new starts after an interrupt, or after a failure where that ends all.
func TestDeferredStops(t *testing.T) {
	for name, want := range map[string]string{"fail-fast": `a=changed d.1=failed d.2=skipped(t.d["1"])`, "interrupted": "a=changed d.1=failed d.2=skipped"} {
		ways(t, name, func(t *testing.T, w *world) {
			stop := make(chan struct{})
			w.on = func(what string) {
				if what == "apply d.1" && name == "interrupted" {
					close(stop)
				}
				if strings.HasSuffix(what, " d.2") {
					t.Error(what)
				}
			}
			rep, err := Converge(t.Context(), node{}, deferring(t, w, "a d", "", "d.1:fails d.2", nil), Options{FailFast: name == "fail-fast", Stop: stop})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, outcomes(rep)); diff != "" {
				t.Error(diff)
			}
			if got := rep.Results[2].Reason; got != name {
				t.Errorf("skipped because of %q", got)
			}
		})
	}
}

// TestOutputs: what is made of values that only a run gives is scrubbed; a plan has such values only where nothing would be done.
func TestOutputs(t *testing.T) {
	w := &world{}
	entries := declare(t, w, "a")
	entries[0].Resource = &giver{*entries[0].Resource.(*thing)}
	c := newCatalog(t, entries, nil)
	o := Options{
		Scrub: func(s string) string { return strings.ReplaceAll(s, "value", "***") },
		Outputs: func(_ context.Context, late catalog.Values) []report.Output {
			if late == nil {
				return nil
			}
			values, _ := late(entries[0].Addr)
			return []report.Output{{Name: "late", Value: fmt.Sprint("a ", values["said"])}, {Name: "plain", Value: "a value", Plain: true}}
		},
	}
	plan, err := Plan(t.Context(), node{}, c, o)
	if err != nil || plan.Outputs != nil {
		t.Errorf("a plan gives %v, %v", plan.Outputs, err)
	}
	rep, err := Converge(t.Context(), node{}, c, o)
	if err != nil {
		t.Fatal(err)
	}
	want := []report.Output{{Name: "late", Value: "a *** of a"}, {Name: "plain", Value: "a value", Plain: true}}
	if diff := cmp.Diff(want, rep.Outputs); diff != "" {
		t.Error(diff)
	}
	if plan, err = Plan(t.Context(), node{}, c, o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, plan.Outputs); diff != "" {
		t.Errorf("a plan with nothing to do: %s", diff)
	}
}
