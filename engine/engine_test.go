package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/selection"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func TestConverge(t *testing.T) {
	for _, tc := range []struct {
		name, decl, edges, want, log string
		opts                         Options
	}{
		{name: "changes what differs", decl: "a b:there", want: "a=changed b=unchanged", log: "apply a"},
		{name: "in order", decl: "a b c", edges: "c>b b>a", want: "a=changed b=changed c=changed", log: "apply c,apply b,apply a"},
		{name: "a failure skips what depends on it, with the root cause, and nothing else", decl: "a:fails b c d", edges: "a>b b>c",
			want: "a=failed b=skipped(t.a) c=skipped(t.a) d=changed", log: "apply a,apply d"},
		{name: "others are told of what will not come", decl: "a:fails f:there f2", edges: "a>f a>f2 f>f2", want: "a=failed f=skipped(t.a) f2=skipped(t.a)",
			log: "apply a,skip f for t.a,skip f2 for t.a"},
		{name: "the first of two causes", decl: "a:fails b:fails c", edges: "a>c b>c", want: "a=failed b=failed c=skipped(t.a)", log: "apply a,apply b"},
		{name: "fail-fast", decl: "a:fails b", want: "a=failed b=skipped(t.a)", log: "apply a", opts: Options{FailFast: true}},
		{name: "a check that fails", decl: "a:badcheck b", edges: "a>b", want: "a=failed b=skipped(t.a)"},
		{name: "a panic fails the resource alone", decl: "a:panics b", want: "a=failed b=changed", log: "apply b"},
		{name: "still differs", decl: "a:flaps", want: "a=failed", log: "apply a"},
		{name: "unless that succeeds", decl: "a:unless=true b:unless=false", want: "a=unchanged b=changed", log: "apply b"},
		{name: "onlyif that fails", decl: "a:onlyif=false b:onlyif=true", want: "a=unchanged b=changed", log: "apply b"},
		{name: "a guard that is not there is an error, not a no", decl: "a:unless=nosuch b:onlyif=nosuch", want: "a=failed b=failed"},
		{name: "nor is one that may not be run", decl: "a:unless=denied b:onlyif=denied", want: "a=failed b=failed"},
		{name: "every unless fails and every onlyif succeeds", decl: "a:unless=false,unless=true b:onlyif=true,onlyif=false c:unless=false,unless=false,onlyif=true,onlyif=true",
			want: "a=unchanged b=unchanged c=changed", log: "apply c"},
		{name: "guards run as the resource says", decl: "a:onlyif=inside s:onlyif=inside", want: "a=unchanged s=changed", log: "apply s"},
		{name: "off", decl: "a:off b", edges: "a>b", want: "a=unchanged b=changed", log: "apply b"},
		{name: "noop", decl: "a:noop s:there", edges: "a~s", want: "a=pending s=unchanged"},
		{name: "refresh on change", decl: "a s:there", edges: "a~s", want: "a=changed s=refreshed", log: "apply a,refresh s"},
		{name: "no refresh without a change", decl: "a:there s:there", edges: "a~s", want: "a=unchanged s=unchanged"},
		{name: "one refresh for two changes", decl: "a b s:there", edges: "a~s b~s", want: "a=changed b=changed s=refreshed", log: "apply a,apply b,refresh s"},
		{name: "not refreshed when it was just started", decl: "a s", edges: "a~s", want: "a=changed s=changed", log: "apply a,apply s"},
		{name: "a stopped one is not refreshed, and passes nothing on", decl: "a s:there,stopped s2:there", edges: "a~s s~s2", want: "a=changed s=unchanged s2=unchanged", log: "apply a"},
		{name: "a refresh is passed on", decl: "a s:there s2:there", edges: "a~s s~s2", want: "a=changed s=refreshed s2=refreshed", log: "apply a,refresh s,refresh s2"},
		{name: "what cannot be refreshed takes the event and passes nothing on", decl: "a b:there s:there", edges: "a~b b~s", want: "a=changed b=unchanged s=unchanged", log: "apply a"},
		{name: "a failed refresh", decl: "a s:there,sick c", edges: "a~s s>c", want: "a=changed s=failed c=skipped(t.s)", log: "apply a,refresh s"},
		{name: "what an earlier one brings", decl: "a:ground b:needs", edges: "a>b", want: "a=changed b=changed", log: "apply a,apply b"},
		{name: "in an order", decl: "a b c d", edges: "a>b", want: "a=changed b=changed c=changed d=changed", log: "apply d,apply a,apply c,apply b", opts: Options{Order: []int{3, 0, 2, 1}}},
		{name: "tags", decl: "a:tag=x b", want: "a=changed", log: "apply a", opts: Options{Choice: selection.Choice{Tags: []string{"x"}}}},
		{name: "skip-tags", decl: "a:tag=x b", want: "b=changed", log: "apply b", opts: Options{Choice: selection.Choice{SkipTags: []string{"x"}}}},
		{name: "type is a tag", decl: "a b", want: "a=changed b=changed", log: "apply a,apply b", opts: Options{Choice: selection.Choice{Tags: []string{"t"}}}},
		{name: "title is a tag", decl: "a b", want: "b=changed", log: "apply b", opts: Options{Choice: selection.Choice{Tags: []string{"b"}}}},
		{name: "target with what it requires", decl: "a b c d", edges: "a>b b>c", want: "a=changed b=changed", log: "apply a,apply b",
			opts: Options{Choice: selection.Choice{Targets: []resources.Address{{Type: "t", Title: "b"}}}}},
	} {
		ways(t, tc.name, func(t *testing.T, w *world) {
			c := parse(t, w, tc.decl, tc.edges)
			rep, err := Converge(t.Context(), node{}, c, tc.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, outcomes(rep)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.log, strings.Join(w.log, ",")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	certain := func(r *report.Report) string {
		var out []string
		for _, res := range r.Results {
			s := res.Address.Title + "=" + string(res.Outcome)
			if res.Refreshed {
				s += "+refresh"
			}
			out = append(out, s+":"+res.Certainty)
		}
		return strings.Join(out, " ")
	}
	for _, tc := range []struct{ name, decl, edges, want string }{
		{"exact", "a b:there", "a>b", "a=pending:exact b=unchanged:exact"},
		{"a command", "a:opaque b:there c", "a>b", "a=pending:opaque b=unchanged:after t.a c=pending:exact"},
		{"an effect that spreads", "a:spreads b c", "a>b b>c", "a=pending:exact b=pending:after t.a c=pending:after t.a"},
		{"what an earlier one will bring is pending, not failed", "a:ground b:needs", "a>b", "a=pending:exact b=pending:after t.a"},
		{"what nothing will bring fails", "a b:needs", "", "a=pending:exact b=failed:exact"},
		{"nobody is told of what would not come", "a:badcheck f", "a>f", "a=failed:exact f=skipped:"},
		{"a guard may read what changes before it", "a b:unless=true c:there,onlyif=true d:there", "a>b b>c c>d", "a=pending:exact b=unchanged:after t.a c=unchanged:after t.a d=unchanged:exact"},
		{"a predicted refresh", "a s:there s2:there,stopped", "a~s a~s2", "a=pending:exact s=pending+refresh:after t.a s2=unchanged:exact"},
	} {
		ways(t, tc.name, func(t *testing.T, w *world) {
			rep, err := Plan(t.Context(), node{}, parse(t, w, tc.decl, tc.edges), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, certain(rep)); diff != "" {
				t.Error(diff)
			}
			if len(w.log) > 0 {
				t.Errorf("a plan changed something: %v", w.log)
			}
		})
	}
}

func TestRecorder(t *testing.T) {
	owed := []resources.Address{{Type: "t", Title: "a"}}
	for _, tc := range []struct {
		name, decl, edges, want string
		keep                    *keeper
		log                     []string
		err, aborted            string
	}{
		{name: "owes before a change, settles after the refresh", decl: "a s:there", edges: "a~s", keep: &keeper{}, want: "a=changed s=refreshed",
			log: []string{"begin a owes [t.s]", "begin s owes []", "settled s"}},
		{name: "what an earlier run owes is delivered", decl: "a:there s:there", edges: "a~s", keep: &keeper{owed: map[string][]resources.Address{"s": owed}},
			want: "a=unchanged s=refreshed", log: []string{"begin s owes []", "settled s"}},
		{name: "a failed refresh stays owed", decl: "a s:there,sick", edges: "a~s", keep: &keeper{}, want: "a=changed s=failed",
			log: []string{"begin a owes [t.s]", "begin s owes []"}},
		{name: "a refresh that did nothing is settled", decl: "a s:there,stopped", edges: "a~s", keep: &keeper{}, want: "a=changed s=unchanged",
			log: []string{"begin a owes [t.s]", "settled s"}},
		{name: "no journal before the first change: nothing was touched", decl: "a b", keep: &keeper{failAt: 1}, err: "journal: no space left on device"},
		{name: "no journal later: nothing new", decl: "a b c", edges: "a>b", keep: &keeper{failAt: 2}, want: "a=changed b=failed c=skipped",
			log: []string{"begin a owes []"}, aborted: "journal: no space left on device"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &world{}
			rep, err := Converge(t.Context(), node{}, parse(t, w, tc.decl, tc.edges), Options{Recorder: tc.keep})
			if fmt.Sprint(err) != tc.err && (err != nil || tc.err != "") {
				t.Fatalf("want error %q, got %v", tc.err, err)
			}
			if err != nil {
				if len(w.log) > 0 {
					t.Errorf("touched: %v", w.log)
				}
				return
			}
			if diff := cmp.Diff(tc.want, outcomes(rep)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.log, tc.keep.log); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.aborted, rep.Aborted); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFailFastWhileAnotherIsRecorded(t *testing.T) {
	w := &world{}
	keep := &sharedKeeper{begun: newPair()}
	rep, err := Converge(t.Context(), node{}, parse(t, w, "a:fails b", ""), Options{Recorder: keep, FailFast: true, Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a=failed b=skipped(t.a)", outcomes(rep)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"apply a"}, w.log); diff != "" {
		t.Error(diff)
	}
}

func TestSensitiveChangesAreHidden(t *testing.T) {
	rep, err := Plan(t.Context(), node{}, parse(t, &world{}, "a:secret", ""), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := rep.Results[0].Changes
	want := []report.Change{{Attribute: "ensure", Before: "(sensitive value)", After: "(sensitive value)", Hidden: got[0].Hidden}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestApprove: what is refused fails, and what needs it is skipped; of a block of which the instances are known that is one of them.
func TestApprove(t *testing.T) {
	for name, tc := range map[string]struct{ decl, edges, made, refuse, want, log string }{
		"a resource":                {decl: "a b c", edges: "b>c", refuse: "b", want: "a=changed b=failed c=skipped(t.b)", log: "apply a"},
		"what stays as it is":       {decl: "a b:there", refuse: "b", want: "a=changed b=failed", log: "apply a"},
		"an instance":               {decl: "a:there d b c", edges: "d.x>b d.y>c", made: "d.x d.y", refuse: "d.x", want: `a=unchanged d.x=failed d.y=changed b=skipped(t.d["x"]) c=changed`, log: "apply d.y,apply c"},
		"a block not known as yet":  {decl: "a d b", edges: "d.x>b", made: "d.x d.y", refuse: "d", want: "a=changed d=failed b=skipped(t.d)", log: "apply a"},
		"an instance that is there": {decl: "a:there d", made: "d.x:there d.y:there", refuse: "d.y", want: "a=unchanged d.x=unchanged d.y=failed"},
	} {
		ways(t, name, func(t *testing.T, w *world) {
			rep, err := Converge(t.Context(), node{}, repeating(t, w, tc.decl, tc.edges, tc.made, nil), Options{Approve: func(r *report.Result) error {
				if nameOf(r.Address) == tc.refuse {
					return errors.New("not as planned")
				}
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tc.want, tc.log}, []string{outcomes(rep), strings.Join(w.log, ",")}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFidelity(t *testing.T) {
	w := &world{}
	rep, err := Converge(t.Context(), node{}, parse(t, w, "a s:there b:fails c", "a~s b>c"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []report.Surprise{
		{Address: resources.Address{Type: "t", Title: "b"}, Planned: report.Pending, Outcome: report.Failed},
		{Address: resources.Address{Type: "t", Title: "c"}, Planned: report.Pending, Outcome: report.Skipped},
	}
	if diff := cmp.Diff(want, rep.Surprises); diff != "" {
		t.Error(diff)
	}
	if rep.AsPlanned != 2 {
		t.Errorf("want 2 as planned, got %d", rep.AsPlanned)
	}
}

func TestInterruptStartsNothingNew(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	for name, do := range map[string]func(c *catalog.Catalog, o Options) (*report.Report, error){
		"a run": func(c *catalog.Catalog, o Options) (*report.Report, error) {
			return Converge(t.Context(), node{}, c, o)
		},
		"a plan": func(c *catalog.Catalog, o Options) (*report.Report, error) { return Plan(t.Context(), node{}, c, o) },
	} {
		ways(t, name, func(t *testing.T, w *world) {
			c := parse(t, w, "a b:there", "a>b")
			rep, err := do(c, Options{Stop: stop})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("a=skipped b=skipped", outcomes(rep)); diff != "" {
				t.Error(diff)
			}
			for i, res := range rep.Results {
				if res.Reason != "interrupted" || c.Entries()[i].Resource.(*thing).checks > 0 {
					t.Errorf("%s was looked at, or is skipped because of %q", res.Address, res.Reason)
				}
			}
			if len(w.log) > 0 {
				t.Errorf("want nothing done, got %v", w.log)
			}
		})
	}
}
