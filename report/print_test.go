package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

func at(typ, title string) resources.Address { return resources.Address{Type: typ, Title: title} }

func TestResultText(t *testing.T) {
	for name, c := range map[string]struct {
		mode Mode
		r    Result
		want string
	}{
		"changed": {Converge, Result{Address: at("file", "/data"), Pos: "main.hcl:12", Outcome: Changed, Changes: []Change{{Attribute: "mode", Before: "0700", After: "0755"}, {Attribute: "owner", After: "root"}}},
			"file[\"/data\"]: changed (main.hcl:12)\n    mode: 0700 -> 0755\n    owner: (none) -> root\n"},
		"a diff": {Converge, Result{Address: at("file", "/a"), Outcome: Changed, Changes: []Change{{Attribute: "content", Diff: "--- /a\n+++ /a\n@@ -1 +1 @@\n--- x\n+y\n"}}},
			"file[\"/a\"]: changed\n    content:\n        --- /a\n        +++ /a\n        @@ -1 +1 @@\n        --- x\n        +y\n"},
		"changed and refreshed": {Converge, Result{Address: at("service", "d"), Outcome: Changed, Refreshed: true, NotifiedBy: []string{"file.a", "file.b"}},
			"service.d: changed and refreshed\n    notified by file.a, file.b\n"},
		"refreshed": {Converge, Result{Address: at("service", "d"), Outcome: Refreshed, Refreshed: true, NotifiedBy: []string{"file.a"}},
			"service.d: refreshed\n    notified by file.a\n"},
		"failed": {Converge, Result{Address: at("exec", "rc"), Pos: "main.hcl:40", Outcome: Failed, Error: &Error{Summary: "exit code 3", Detail: "one\ntwo\n", Pos: "main.hcl:41,3-20"}},
			"exec.rc: failed (main.hcl:40)\n    main.hcl:41:3: exec.rc: exit code 3\n        one\n        two\n"},
		"skipped":           {Converge, Result{Address: at("exec", "b"), Outcome: Skipped, Because: "exec.rc"}, "exec.b: skipped because exec.rc failed\n"},
		"skipped by signal": {Converge, Result{Address: at("exec", "b"), Outcome: Skipped, Reason: "interrupted"}, "exec.b: skipped\n    interrupted\n"},
		"planned":           {Plan, Result{Address: at("file", "a"), Outcome: Pending, Certainty: Exact}, "file.a: would change\n"},
		"planned after":     {Plan, Result{Address: at("file", "a"), Outcome: Pending, Certainty: CertaintyAfter + "package.p"}, "file.a: would change [after package.p]\n"},
		"planned refresh":   {Plan, Result{Address: at("service", "s"), Outcome: Pending, Refreshed: true, NotifiedBy: []string{"file.a"}}, "service.s: would be refreshed\n    notified by file.a\n"},
		"noop":              {Converge, Result{Address: at("file", "a"), Outcome: Pending, Noop: true}, "file.a: would change (noop)\n"},
		"drift":             {Converge, Result{Address: at("file", "a"), Outcome: Changed, Drift: true}, "file.a: changed [drift]\n"},
		"warned":            {Converge, Result{Address: at("file", "a"), Outcome: Unchanged, Warnings: []string{"not idempotent"}}, "file.a: unchanged\n    warning: not idempotent\n"},
		"hostile": {Converge, Result{Address: at("file", "a\x1b]0;x\a"), Outcome: Failed, Error: &Error{Summary: "a\x1b[2Jb", Detail: "c\rd\u202e\n"}},
			"file[\"a\\x1b]0;x\\a\"]: failed\n    a\\x1b[2Jb\n        c\\rd\\u202e\n"},
		"wide": {Converge, Result{Address: at("file", "/日本"), Outcome: Changed}, "file[\"/日本\"]: changed\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, prose{mode: c.mode}.result(&c.r)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestColours(t *testing.T) {
	r := &Result{Address: at("file", "a"), Pos: "m:1", Outcome: Changed, Changes: []Change{{Attribute: "mode", Before: "1", After: "2"}, {Attribute: "content", Diff: "--- a\n+++ a\n@@ -1 +1 @@\n-x\n+y\n z\n"}}}
	want := "\x1b[1mfile.a\x1b[0m: \x1b[32mchanged\x1b[0m \x1b[2m(m:1)\x1b[0m\n" +
		"    mode: \x1b[31m1\x1b[0m -> \x1b[32m2\x1b[0m\n    content:\n" +
		"        \x1b[2m--- a\x1b[0m\n        \x1b[2m+++ a\x1b[0m\n        \x1b[36m@@ -1 +1 @@\x1b[0m\n        \x1b[31m-x\x1b[0m\n        \x1b[32m+y\x1b[0m\n         z\n"
	if diff := cmp.Diff(want, prose{color: true, mode: Converge}.result(r)); diff != "" {
		t.Error(diff)
	}
}

func outcomes(os ...Outcome) []*Result {
	var out []*Result
	for _, o := range os {
		out = append(out, &Result{Address: at("file", string(o)), Pos: "main.hcl:7", Outcome: o})
	}
	return out
}

func TestConclusion(t *testing.T) {
	for name, c := range map[string]struct {
		r    Report
		want string
	}{
		"nothing declared": {Report{Mode: Converge}, "converge: nothing declared, in 0ms\n"},
		"nothing to do":    {Report{Mode: Converge, DurationMS: 12.34, Results: outcomes(Unchanged)}, "converge: 1 unchanged, in 12ms\n"},
		"changed":          {Report{Mode: Converge, DurationMS: 1234.5, AsPlanned: 2, Results: outcomes(Changed, Refreshed)}, "converge: 1 changed, 1 refreshed, in 1.23s, 2/2 as planned\n"},
		"failed": {Report{Mode: Converge, AsPlanned: 1, Results: outcomes(Unchanged, Failed, Skipped), Surprises: []Surprise{{at("file", "failed"), Pending, Failed}}},
			"surprise: file.failed: planned pending, came failed\nconverge: 1 failed, 1 skipped, 1 unchanged, in 0ms, 1/3 as planned\n" +
				"correct what failed, then run it again: what is done stays done. First: file.failed at main.hcl:7\n"},
		"a plan":             {Report{Mode: Plan, Manifest: "a b.hcl", Results: outcomes(Pending, Unchanged)}, "plan: 1 to change, 1 unchanged, in 0ms\nto make these changes: apply 'a b.hcl'\n"},
		"a plan with errors": {Report{Mode: Plan, Results: outcomes(Failed)}, "plan: 1 failed, in 0ms\ncorrect what failed, then plan again. First: file.failed at main.hcl:7\n"},
		"an empty plan":      {Report{Mode: Plan, Results: outcomes(Unchanged)}, "plan: 1 unchanged, in 0ms\nthe node is as declared: there is nothing to do.\n"},
		"noop":               {Report{Mode: Converge, Results: outcomes(Pending)}, "converge: 1 only reported (noop), in 0ms\n"},
		"interrupted":        {Report{Mode: Converge, Interrupted: 2, DurationMS: 61000, Results: outcomes(Skipped)}, "converge: 1 skipped, in 1m1s\ninterrupted: run it again to finish what is left.\n"},
		"aborted":            {Report{Mode: Converge, Aborted: "journal: no space left on device", Results: outcomes(Skipped)}, "converge: 1 skipped, in 0ms\nstopped: journal: no space left on device; nothing new was started.\n"},
		"the rest": {Report{Mode: Converge, Results: outcomes(Unchanged), Warnings: []string{"w"}, Outputs: []Output{{"o", "v", false}, {"n", map[string]any{"a": 1}, false}, {"s", "secret", true}},
			Orphans: []Orphan{{at("file", "old"), "file \"old\" {\n}\n"}}},
			"o = v\nn = {\"a\":1}\ns = (sensitive value)\nwarning: w\norphan: file.old is no longer declared, and is left as it is\na manifest that would remove what is left:\n        file \"old\" {\n        }\nconverge: 1 unchanged, in 0ms\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, prose{}.conclusion(&c.r)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	noop := &Result{Outcome: Pending, Noop: true}
	for name, c := range map[string]struct {
		r               Report
		plain, detailed int
	}{
		"nothing":                {Report{}, 0, 0},
		"unchanged":              {Report{Results: outcomes(Unchanged)}, 0, 0},
		"changed":                {Report{Results: outcomes(Changed)}, 0, 2},
		"refreshed":              {Report{Results: outcomes(Unchanged, Refreshed)}, 0, 2},
		"would change":           {Report{Results: outcomes(Pending)}, 0, 2},
		"would change, noop":     {Report{Results: []*Result{noop}}, 0, 0},
		"failed":                 {Report{Results: outcomes(Failed, Skipped)}, 4, 4},
		"changed and failed":     {Report{Results: outcomes(Changed, Failed)}, 4, 6},
		"aborted":                {Report{Aborted: "x", Results: outcomes(Changed)}, 4, 6},
		"interrupted by SIGINT":  {Report{Interrupted: 2, Results: outcomes(Failed)}, 130, 130},
		"interrupted by SIGTERM": {Report{Interrupted: 15}, 143, 143},
		"interrupted by SIGHUP":  {Report{Interrupted: 1, Results: outcomes(Changed)}, 129, 129},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([2]int{c.plain, c.detailed}, [2]int{c.r.ExitCode(false), c.r.ExitCode(true)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCountsAndOutcome(t *testing.T) {
	r := Report{Results: outcomes(Unchanged, Unchanged, Changed, Refreshed, Pending, Skipped, Failed)}
	if diff := cmp.Diff(Counts{Total: 7, Unchanged: 2, Changed: 1, Refreshed: 1, Pending: 1, Skipped: 1, Failed: 1}, r.Counts()); diff != "" {
		t.Error(diff)
	}
	for want, r := range map[Outcome]Report{
		Failed: {Results: outcomes(Changed, Failed)}, Changed: {Results: outcomes(Pending, Refreshed)}, Pending: {Results: outcomes(Pending, Unchanged)}, Unchanged: {},
	} {
		if diff := cmp.Diff(want, r.Outcome()); diff != "" {
			t.Error(diff)
		}
	}
}

// The lines are those of the promise: more keys may come, none changes its meaning.
func TestJSONLines(t *testing.T) {
	r := &Report{Run: "01JD", Node: "node01", Mode: Converge, Manifest: "main.hcl", Commit: "3f9c", Resources: 2, AsPlanned: 2, DurationMS: 512}
	r.Results = []*Result{
		{Address: at("file", "/data"), Type: "file", Title: "/data", Pos: "main.hcl:12", Outcome: Changed, Changes: []Change{{Attribute: "mode", Before: "0700", After: "0755"}},
			Certainty: Exact, Reversible: true, DurationMS: 0.8},
		{Address: at("exec", "rc"), Type: "exec", Title: "rc", Pos: "main.hcl:40", Outcome: Failed, Error: &Error{"exit code 3", "<last> & lines", "main.hcl:41,3-20"}, StartMS: 1, DurationMS: 12},
		{Address: at("exec", "next"), Type: "exec", Title: "next", Pos: "main.hcl:44", Outcome: Skipped, Because: "exec.rc"},
	}
	var b bytes.Buffer
	p := NewJSON(&b)
	p.Begin(r)
	p.Running(at("file", "/data"), "checking")
	p.Running(at("exec", "rc"), "waiting to try again (1 of 2 failed)")
	for _, res := range r.Results {
		p.Ended(res)
	}
	p.End(r)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"event":"run","run":"01JD","node":"node01","mode":"converge","manifest":"main.hcl","commit":"3f9c","resources":2}
{"event":"waiting","address":"exec.rc","detail":"waiting to try again (1 of 2 failed)"}
{"event":"resource","address":"file[\"/data\"]","type":"file","title":"/data","pos":"main.hcl:12","outcome":"changed","changes":[{"attribute":"mode","before":"0700","after":"0755"}],"refreshed":false,"certainty":"exact","reversible":true,"start_ms":0,"duration_ms":0.8}
{"event":"resource","address":"exec.rc","type":"exec","title":"rc","pos":"main.hcl:40","outcome":"failed","refreshed":false,"reversible":false,"error":{"summary":"exit code 3","detail":"<last> & lines","pos":"main.hcl:41,3-20"},"start_ms":1,"duration_ms":12}
{"event":"resource","address":"exec.next","type":"exec","title":"next","pos":"main.hcl:44","outcome":"skipped","refreshed":false,"reversible":false,"because":"exec.rc","start_ms":0,"duration_ms":0}
{"event":"summary","outcome":"failed","total":3,"unchanged":0,"changed":1,"refreshed":0,"pending":0,"skipped":1,"failed":1,"fidelity":"2/3","duration_ms":512}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// broken is an output that fails.
type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("no space left on device")
}

func TestBrokenOutputIsTold(t *testing.T) {
	r := &Report{Results: outcomes(Changed)}
	for name, print := range map[string]func(*broken) error{
		"json": func(b *broken) error { p := NewJSON(b); p.Begin(r); p.Ended(r.Results[0]); p.End(r); return p.Close() },
		"text": func(b *broken) error {
			p := NewText(b, TextOptions{})
			p.Begin(r)
			p.Ended(r.Results[0])
			p.End(r)
			return p.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b broken
			if err := print(&b); err == nil || err.Error() != "no space left on device" {
				t.Errorf("got %v", err)
			}
			if b.writes != 1 {
				t.Errorf("%d writes to an output that fails", b.writes)
			}
		})
	}
}

func TestTextIsPlainWhenPiped(t *testing.T) {
	r := &Report{Mode: Converge, AsPlanned: 2, Results: outcomes(Changed, Unchanged)}
	var b bytes.Buffer
	p := NewText(&b, TextOptions{})
	p.Begin(r)
	for _, res := range r.Results {
		p.Running(res.Address, "checking")
		p.Running(res.Address, "")
		p.Ended(res)
	}
	p.Running(at("wait", "w"), "waiting for node02")
	p.End(r)
	want := "file.changed: changed (main.hcl:7)\nwait.w: waiting for node02\nconverge: 1 changed, 1 unchanged, in 0ms, 2/2 as planned\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	var v bytes.Buffer
	NewText(&v, TextOptions{Verbose: true}).Ended(r.Results[1])
	if diff := cmp.Diff("file.unchanged: unchanged (main.hcl:7)\n", v.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSensitiveOutput(t *testing.T) {
	b, err := json.Marshal([]Output{{"a", "x", false}, {"b", "secret", true}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`[{"name":"a","value":"x"},{"name":"b","value":"(sensitive value)","sensitive":true}]`, string(b)); diff != "" {
		t.Error(diff)
	}
}

// Every text is scrubbed, no key and no number.
func TestScrubbed(t *testing.T) {
	const s = "hunter2"
	r := &Report{
		Run: "run", Node: s, Mode: Plan, Manifest: s, Commit: s, Source: s, Ref: s, Started: time.Unix(1, 0), DurationMS: 3, Aborted: s, Warnings: []string{s},
		Results: []*Result{{Address: resources.Address{Type: "file", Title: s, Instance: `["` + s + `"]`}, Type: "file", Title: s, Pos: s, Outcome: Failed, Changes: []Change{{"mode", s, s, s}},
			Certainty: CertaintyAfter + s, Because: s, Reason: s, NotifiedBy: []string{s}, Error: &Error{s, s, s}, Warnings: []string{s}}},
		Edges:     []Edge{{0, 0, true}},
		Outputs:   []Output{{Name: "hunter2_name", Value: map[string]any{"hunter2": []any{s, 1.0}}}},
		Orphans:   []Orphan{{at("file", s), s}},
		Surprises: []Surprise{{at("file", s), Pending, Failed}},
	}
	before, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	after, err := json.Marshal(r.Scrubbed(func(text string) string { return strings.ReplaceAll(text, s, "*") }))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Count(string(before), s)-2, strings.Count(string(after), "*")); diff != "" {
		t.Errorf("texts: %s", diff)
	}
	if !strings.Contains(string(after), `{"hunter2":["*",1]}`) || !strings.Contains(string(after), `"name":"hunter2_name"`) || strings.Count(string(after), s) != 2 {
		t.Errorf("only the key and the name stay: %s", after)
	}
	if again, _ := json.Marshal(r); !bytes.Equal(before, again) {
		t.Error("the report itself was changed")
	}
}
