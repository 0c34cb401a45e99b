package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/selection"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// world is the node of these tests: which things are as declared, and what was done.
type world struct {
	mu   sync.Mutex
	is   map[string]bool
	log  []string
	dead chan struct{} // closed when the dead mount comes back
}

func (w *world) did(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// done is the log until now: what was abandoned may still add to it.
func (w *world) done() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.log, ",")
}

func (w *world) get(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.is[name]
}

func (w *world) set(name string, to bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.is == nil {
		w.is = map[string]bool{}
	}
	w.is[name] = to
}

// thing is a resource of that node. How it behaves is in the words of its declaration, see parse.
type thing struct {
	w       *world
	name    string
	words   map[string]bool
	applied bool
	checks  int
}

func (t *thing) Check(ctx context.Context, _ host.View) (resources.Diff, error) {
	t.checks++
	switch {
	case t.words["badcheck"]:
		return resources.Diff{}, errors.New("cannot look")
	case t.words["needs"] && !t.w.get("ground"):
		return resources.Diff{}, errors.New("no ground")
	case t.words["panics"]:
		panic("a bug")
	case t.words["hangs"]:
		<-t.w.dead // a stat on a dead mount: not even the end of ctx ends it
	case t.words["slow"]:
		<-ctx.Done()
		return resources.Diff{}, context.Cause(ctx)
	}
	if t.w.get(t.name) || t.words["ok"] && !t.words["flaps"] {
		return resources.Diff{}, nil
	}
	return resources.Diff{Changes: []resources.Change{{Attr: "ensure", From: "absent", To: "present", Opaque: t.words["opaque"]}}, Spreads: t.words["spreads"]}, nil
}

func (t *thing) Apply(context.Context, host.Host, resources.Diff) error {
	t.w.did("apply %s", t.name)
	t.applied = true
	switch {
	case t.words["fails"]:
		return errors.New("boom")
	case t.words["stays"]:
		<-t.w.dead // as a check that hangs
	case t.words["late"]:
		t.w.set(t.name, true)
		return errors.New("no answer")
	}
	if t.words["twice"] && t.w.count("apply "+t.name) < 2 {
		return errors.New("not yet")
	}
	if !t.words["flaps"] {
		t.w.set(t.name, true)
	}
	if t.words["ground"] {
		t.w.set("ground", true)
	}
	return nil
}

func (w *world) count(what string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.log {
		if l == what {
			n++
		}
	}
	return n
}

// service can be refreshed.
type service struct{ thing }

func (s *service) Refreshable(_ context.Context, _ host.View, applied resources.Diff) (bool, string, error) {
	switch {
	case !applied.Empty():
		return false, "started in this run", nil
	case s.words["stopped"]:
		return false, "not running", nil
	}
	return true, "", nil
}

// GuardCmd has guards run in a folder of the service.
func (s *service) GuardCmd(guard string) host.Cmd {
	return host.Cmd{Args: []string{"/bin/sh", "-c", guard}, Dir: "/srv"}
}

func (s *service) Refresh(context.Context, host.Host) error {
	s.w.did("refresh %s", s.name)
	if s.words["sick"] {
		return errors.New("will not restart")
	}
	return nil
}

// export stands for something to other nodes.
type export struct{ thing }

func (f *export) Skip(_ context.Context, _ host.Host, because string) error {
	f.w.did("skip %s for %s", f.name, because)
	return errors.New("nobody hears")
}

// node answers guards: true, false, what succeeds in a service's folder, what does not end, what may not be run, what says nothing of why it is not
// there; anything else is a command that is not there.
type node struct{ host.Host }

func (node) Query(ctx context.Context, c host.Cmd) (host.Output, error) {
	switch c.Args[2] {
	case "true":
		return host.Output{}, nil
	case "false":
		return host.Output{ExitCode: 1}, nil
	case "inside":
		return host.Output{ExitCode: len("/srv") - len(c.Dir)}, nil
	case "hang":
		<-ctx.Done()
		return host.Output{}, context.Cause(ctx)
	case "denied":
		return host.Output{ExitCode: 126, Stderr: []byte("sh: denied: Permission denied\n")}, nil
	case "silent":
		return host.Output{ExitCode: 127}, nil
	}
	return host.Output{ExitCode: 127, Stderr: []byte("sh: " + c.Args[2] + ": not found")}, nil
}

// parse makes a catalog of "a:words b:words" and edges "a>b a~b". A name that begins with s is a service, one with f an export.
func parse(t *testing.T, w *world, decl, edges string) *catalog.Catalog {
	t.Helper()
	var entries []*catalog.Entry
	for i, d := range strings.Fields(decl) {
		name, words, _ := strings.Cut(d, ":")
		th := thing{w: w, name: name, words: map[string]bool{}}
		e := &catalog.Entry{Addr: resources.Address{Type: "t", Title: name}, Pos: resources.Pos{File: "main.hcl", Line: int32(i + 1)}}
		for _, word := range strings.Split(words, ",") {
			key, arg, _ := strings.Cut(word, "=")
			th.words[key] = true
			switch key {
			case "unless":
				e.Unless = append(e.Unless, arg)
			case "onlyif":
				e.OnlyIf = append(e.OnlyIf, arg)
			case "timeout":
				e.Timeout = duration(t, arg)
			case "noop":
				e.Noop = true
			case "off":
				e.Off = true
			case "tries":
				e.Tries, e.TrySleep = 3, time.Minute
			case "tag":
				e.Tags = []string{arg}
			case "secret":
				e.Sensitive = []string{"ensure"}
			case "there":
				w.set(name, true)
			}
		}
		e.Resource = &th
		switch name[0] {
		case 's':
			e.Resource = &service{th}
		case 'f':
			e.Resource = &export{th}
		}
		entries = append(entries, e)
	}
	var rels []catalog.Relation
	for _, s := range strings.Fields(edges) {
		i := strings.IndexAny(s, ">~")
		r := catalog.Relation{From: resources.Address{Type: "t", Title: s[:i]}, To: resources.Address{Type: "t", Title: s[i+1:]}}
		if s[i] == '~' {
			r.Kind = catalog.Notify
		}
		rels = append(rels, r)
	}
	c, problems := catalog.New(entries, rels, func(resources.Address) bool { return false })
	if problems != nil {
		t.Fatal(problems)
	}
	return c
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// outcomes prints "a=changed b=skipped(t.a)".
func outcomes(r *report.Report) string {
	var out []string
	for _, res := range r.Results {
		s := res.Address.Title + "=" + string(res.Outcome)
		if res.Because != "" {
			s += "(" + res.Because + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

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
		{name: "tags", decl: "a:tag=x b", want: "a=changed", log: "apply a", opts: Options{Choice: selection.Choice{Tags: []string{"x"}}}},
		{name: "skip-tags", decl: "a:tag=x b", want: "b=changed", log: "apply b", opts: Options{Choice: selection.Choice{SkipTags: []string{"x"}}}},
		{name: "type is a tag", decl: "a b", want: "a=changed b=changed", log: "apply a,apply b", opts: Options{Choice: selection.Choice{Tags: []string{"t"}}}},
		{name: "title is a tag", decl: "a b", want: "b=changed", log: "apply b", opts: Options{Choice: selection.Choice{Tags: []string{"b"}}}},
		{name: "target with what it requires", decl: "a b c d", edges: "a>b b>c", want: "a=changed b=changed", log: "apply a,apply b",
			opts: Options{Choice: selection.Choice{Targets: []resources.Address{{Type: "t", Title: "b"}}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &world{}
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
		t.Run(tc.name, func(t *testing.T) {
			w := &world{}
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

// keeper is a recorder in memory.
type keeper struct {
	mu      sync.Mutex
	owed    map[string][]resources.Address
	log     []string
	failAt  int
	records int
}

func (k *keeper) Owed(target resources.Address) []resources.Address { return k.owed[target.Title] }

func (k *keeper) Begin(_ context.Context, a resources.Address, _ resources.Diff, owes []resources.Address, _ json.RawMessage) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.records++; k.records == k.failAt {
		return errors.New("journal: no space left on device")
	}
	k.log = append(k.log, fmt.Sprintf("begin %s owes %v", a.Title, owes))
	return nil
}

func (k *keeper) Op(context.Context, resources.Address, host.View, host.Op) error { return nil }

func (k *keeper) Settled(_ context.Context, target resources.Address) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log = append(k.log, "settled "+target.Title)
	return nil
}

func (k *keeper) Ended(context.Context, resources.Address, host.View) error { return nil }

func TestRecorder(t *testing.T) {
	owed := []resources.Address{{Type: "t", Title: "a"}}
	for _, tc := range []struct {
		name, decl, edges, want string
		keep                    *keeper
		log                     []string
		err                     string
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
			log: []string{"begin a owes []"}},
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
		})
	}
}

// sharedKeeper records two changes at a time, as a journal does that is written to disk for several: the first to begin is the first to go on.
type sharedKeeper struct {
	keeper
	first         atomic.Bool
	both, resumed chan struct{}
}

func (k *sharedKeeper) Begin(ctx context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error {
	if k.first.CompareAndSwap(false, true) {
		host.Waiting(ctx, func() { <-k.both })
		close(k.resumed)
	} else {
		close(k.both)
		host.Waiting(ctx, func() { <-k.resumed })
	}
	return k.keeper.Begin(ctx, a, d, owes, before)
}

func TestFailFastWhileAnotherIsRecorded(t *testing.T) {
	w := &world{}
	keep := &sharedKeeper{both: make(chan struct{}), resumed: make(chan struct{})}
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
	want := []report.Change{{Attribute: "ensure", Before: "(sensitive value)", After: "(sensitive value)"}}
	if diff := cmp.Diff(want, rep.Results[0].Changes); diff != "" {
		t.Error(diff)
	}
}

func TestApprove(t *testing.T) {
	w := &world{}
	rep, err := Converge(t.Context(), node{}, parse(t, w, "a b c", "b>c"), Options{Approve: func(r *report.Result) error {
		if r.Address.Title == "b" {
			return errors.New("not as planned")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a=changed b=failed c=skipped(t.b)", outcomes(rep)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"apply a"}, w.log); diff != "" {
		t.Error(diff)
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
		t.Run(name, func(t *testing.T) {
			w := &world{}
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
