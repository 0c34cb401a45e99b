package text

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func at(typ, title string) resources.Address { return resources.Address{Type: typ, Title: title} }

func TestResultText(t *testing.T) {
	for name, c := range map[string]struct {
		mode report.Mode
		r    report.Result
		want string
	}{
		"changed": {report.Converge, report.Result{Address: at("file", "/data"), Pos: "main.hcl:12", Outcome: report.Changed, Changes: []report.Change{{Attribute: "mode", Before: "0700", After: "0755"}, {Attribute: "owner", After: "root"}}},
			"file[\"/data\"]: changed (main.hcl:12)\n    mode: 0700 -> 0755\n    owner: (none) -> root\n"},
		"a diff": {report.Converge, report.Result{Address: at("file", "/a"), Outcome: report.Changed, Changes: []report.Change{{Attribute: "content", Diff: "--- /a\n+++ /a\n@@ -1 +1 @@\n--- x\n+y\n"}}},
			"file[\"/a\"]: changed\n    content:\n        --- /a\n        +++ /a\n        @@ -1 +1 @@\n        --- x\n        +y\n"},
		"lines": {report.Converge, report.Result{Address: at("exec", "e"), Outcome: report.Changed, Changes: []report.Change{{Attribute: "command", After: "set -e\nmake\n"}, {Attribute: "line", Before: "a\n", After: "b"}}},
			"exec.e: changed\n    command:\n        +set -e\n        +make\n    line: a\\n -> b\n"},
		"lines replaced": {report.Plan, report.Result{Address: at("repo", "r"), Outcome: report.Pending, Certainty: report.Exact, Reversible: true, Changes: []report.Change{{Attribute: "signed_by", Before: "/key", After: "BEGIN\nEND"}}},
			"repo.r: would change [exact, reversible]\n    signed_by:\n        -/key\n        +BEGIN\n        +END\n"},
		"lines for a terminal": {report.Converge, report.Result{Address: at("exec", "e"), Outcome: report.Failed, Error: &report.Error{Summary: "exit code 255", Detail: "bad port\r\nbye\r\n"}},
			"exec.e: failed\n    exit code 255\n        bad port\n        bye\n"},
		"changed and refreshed": {report.Converge, report.Result{Address: at("service", "d"), Outcome: report.Changed, Refreshed: true, NotifiedBy: []string{"file.a", "file.b"}},
			"service.d: changed and refreshed\n    notified by file.a, file.b\n"},
		"refreshed": {report.Converge, report.Result{Address: at("service", "d"), Outcome: report.Refreshed, Refreshed: true, NotifiedBy: []string{"file.a"}},
			"service.d: refreshed\n    notified by file.a\n"},
		"failed": {report.Converge, report.Result{Address: at("exec", "rc"), Pos: "main.hcl:40", Outcome: report.Failed, Error: &report.Error{Summary: "exit code 3", Detail: "one\ntwo\n", Pos: "main.hcl:41,3-20"}},
			"exec.rc: failed (main.hcl:40)\n    main.hcl:41:3: exec.rc: exit code 3\n        one\n        two\n"},
		"skipped":           {report.Converge, report.Result{Address: at("exec", "b"), Outcome: report.Skipped, Because: "exec.rc"}, "exec.b: skipped because exec.rc failed\n"},
		"skipped by signal": {report.Converge, report.Result{Address: at("exec", "b"), Outcome: report.Skipped, Reason: "interrupted"}, "exec.b: skipped\n    interrupted\n"},
		"planned for two reasons": {report.Plan, report.Result{Address: at("user", "u"), Outcome: report.Pending, Certainty: report.Exact, Reason: "gid: no\ngroups: no"},
			"user.u: would change [exact, irreversible]\n    gid: no\n        groups: no\n"},
		"planned":       {report.Plan, report.Result{Address: at("file", "a"), Outcome: report.Pending, Certainty: report.Exact, Reversible: true}, "file.a: would change [exact, reversible]\n"},
		"planned after": {report.Plan, report.Result{Address: at("file", "a"), Outcome: report.Pending, Certainty: report.CertaintyAfter + "package.p"}, "file.a: would change [after package.p, irreversible]\n"},
		"refreshed by many": {report.Converge, report.Result{Address: at("service", "d"), Outcome: report.Refreshed, Refreshed: true, NotifiedBy: strings.Split("abcdefghijkl", "")},
			"service.d: refreshed\n    notified by a, b, c, d, e, f, g, h, i, j and 2 more\n"},
		"planned refresh": {report.Plan, report.Result{Address: at("service", "s"), Outcome: report.Pending, Certainty: report.CertaintyAfter + "file.a", Reversible: true, Refreshed: true, NotifiedBy: []string{"file.a"}},
			"service.s: would be refreshed [after file.a]\n    notified by file.a\n"},
		"planned command": {report.Plan, report.Result{Address: at("exec", "e"), Outcome: report.Pending, Certainty: report.CertaintyAfter + "file.a", Refreshed: true, NotifiedBy: []string{"file.a"}},
			"exec.e: would be refreshed [after file.a, irreversible]\n    notified by file.a\n"},
		"noop":   {report.Converge, report.Result{Address: at("file", "a"), Outcome: report.Pending, Noop: true}, "file.a: would change (noop)\n"},
		"drift":  {report.Converge, report.Result{Address: at("file", "a"), Outcome: report.Changed, Drift: true}, "file.a: changed [drift]\n"},
		"warned": {report.Converge, report.Result{Address: at("file", "a"), Outcome: report.Unchanged, Warnings: []string{"not idempotent"}}, "file.a: unchanged\n    warning: not idempotent\n"},
		"hostile": {report.Converge, report.Result{Address: at("file", "a\x1b]0;x\a"), Outcome: report.Failed, Error: &report.Error{Summary: "a\x1b[2Jb", Detail: "c\rd\u202e\n"}},
			"file[\"a\\x1b]0;x\\a\"]: failed\n    a\\x1b[2Jb\n        c\\rd\\u202e\n"},
		"wide": {report.Converge, report.Result{Address: at("file", "/日本"), Outcome: report.Changed}, "file[\"/日本\"]: changed\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, prose{mode: c.mode}.result(&c.r)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestColours(t *testing.T) {
	r := &report.Result{Address: at("file", "a"), Pos: "m:1", Outcome: report.Changed, Changes: []report.Change{{Attribute: "mode", Before: "1", After: "2"}, {Attribute: "content", Diff: "--- a\n+++ a\n@@ -1 +1 @@\n-x\n+y\n z\n"}}}
	want := "\x1b[1mfile.a\x1b[0m: \x1b[32mchanged\x1b[0m \x1b[2m(m:1)\x1b[0m\n" +
		"    mode: \x1b[31m1\x1b[0m -> \x1b[32m2\x1b[0m\n    content:\n" +
		"        \x1b[2m--- a\x1b[0m\n        \x1b[2m+++ a\x1b[0m\n        \x1b[36m@@ -1 +1 @@\x1b[0m\n        \x1b[31m-x\x1b[0m\n        \x1b[32m+y\x1b[0m\n         z\n"
	if diff := cmp.Diff(want, prose{color: true, mode: report.Converge}.result(r)); diff != "" {
		t.Error(diff)
	}
}

func outcomes(os ...report.Outcome) []*report.Result {
	var out []*report.Result
	for _, o := range os {
		out = append(out, &report.Result{Address: at("file", string(o)), Pos: "main.hcl:7", Outcome: o})
	}
	return out
}

// skipped are results for each of which the address failed or, where that is "", the run was to end.
func skipped(because ...string) []*report.Result {
	var out []*report.Result
	for i, b := range because {
		r := &report.Result{Address: at("file", string(rune('a'+i))), Outcome: report.Skipped, Because: b}
		if b == "" {
			r.Reason = "fail-fast"
		}
		out = append(out, r)
	}
	return out
}

func surprises(of []*report.Result) []report.Surprise {
	var out []report.Surprise
	for _, r := range of {
		out = append(out, report.Surprise{Address: r.Address, Planned: report.Pending, Outcome: r.Outcome})
	}
	return out
}

// after are results of commands whose guards may read what changes.
func after(n int) []*report.Result {
	return slices.Repeat([]*report.Result{{Address: at("exec", "e"), Outcome: report.Unchanged, Certainty: report.CertaintyAfter + "file.pending"}}, n)
}

func TestConclusion(t *testing.T) {
	for name, c := range map[string]struct {
		r    report.Report
		want string
	}{
		"nothing declared": {report.Report{Mode: report.Converge}, "converge: nothing declared, in 0ms\n"},
		"nothing to do":    {report.Report{Mode: report.Converge, DurationMS: 12.34, Results: outcomes(report.Unchanged)}, "converge: 1 unchanged, in 12ms\n"},
		"changed":          {report.Report{Mode: report.Converge, DurationMS: 1234.5, AsPlanned: 2, Results: outcomes(report.Changed, report.Refreshed)}, "converge: 1 changed, 1 refreshed, in 1.23s, 2/2 as planned\n"},
		"failed": {report.Report{Mode: report.Converge, AsPlanned: 1, Results: outcomes(report.Unchanged, report.Failed, report.Skipped), Surprises: []report.Surprise{{Address: at("file", "failed"), Planned: report.Pending, Outcome: report.Failed}}},
			"surprise: file.failed: planned pending, came failed\nconverge: 1 failed, 1 skipped, 1 unchanged, in 0ms, 1/3 as planned\n" +
				"correct what failed, then run it again: what is done stays done. First: file.failed at main.hcl:7\n"},
		"skipped for few reasons": {report.Report{Mode: report.Converge, Results: skipped("exec.a", "exec.b", "", "exec.a"), Surprises: surprises(skipped("exec.a", "exec.b", "", "exec.a"))},
			"surprise: 2 resources: planned otherwise, came skipped because exec.a failed\nsurprise: file.b: planned pending, came skipped because exec.b failed\n" +
				"surprise: file.c: planned pending, came skipped: fail-fast\nconverge: 4 skipped, in 0ms\n"},
		"a plan": {report.Report{Mode: report.Plan, Manifest: "a b.hcl", Results: outcomes(report.Pending, report.Unchanged)}, "plan: 1 to change, 1 unchanged, in 0ms\nto make these changes: apply 'a b.hcl'\n"},
		"a plan that is not sure": {report.Report{Mode: report.Plan, Manifest: "m.hcl", Results: slices.Concat(outcomes(report.Pending, report.Unchanged), after(7))},
			"may change too, after what is to change: exec.e, exec.e, exec.e, exec.e, exec.e, 2 more\nplan: 1 to change, 8 unchanged, in 0ms\nto make these changes: apply m.hcl\n"},
		"a plan with errors": {report.Report{Mode: report.Plan, Results: outcomes(report.Failed)}, "plan: 1 failed, in 0ms\ncorrect what failed, then plan again. First: file.failed at main.hcl:7\n"},
		"an empty plan":      {report.Report{Mode: report.Plan, Results: outcomes(report.Unchanged)}, "plan: 1 unchanged, in 0ms\nthe node is as declared: there is nothing to do.\n"},
		"a plan of a part":   {report.Report{Mode: report.Plan, Manifest: "main.hcl", Partial: true, Results: outcomes(report.Pending)}, "plan: 1 to change, in 0ms\nto make these changes: apply main.hcl, with the same flags\n"},
		"a plan with noop":   {report.Report{Mode: report.Plan, Manifest: "main.hcl", Results: []*report.Result{{Outcome: report.Pending, Noop: true}, {Outcome: report.Pending}}}, "plan: 1 to change, 1 only reported (noop), in 0ms\nto make these changes: apply main.hcl\n"},
		"a plan of noop":     {report.Report{Mode: report.Plan, Results: []*report.Result{{Outcome: report.Pending, Noop: true}}}, "plan: 1 only reported (noop), in 0ms\n"},
		"noop":               {report.Report{Mode: report.Converge, Results: outcomes(report.Pending)}, "converge: 1 only reported (noop), in 0ms\n"},
		"interrupted":        {report.Report{Mode: report.Converge, Interrupted: 2, DurationMS: 61000, Results: outcomes(report.Skipped)}, "converge: 1 skipped, in 1m1s\ninterrupted: run it again to finish what is left.\n"},
		"aborted":            {report.Report{Mode: report.Converge, Aborted: "journal: no space left on device", Results: outcomes(report.Skipped)}, "converge: 1 skipped, in 0ms\nstopped: journal: no space left on device; nothing new was started.\n"},
		"of a commit":        {report.Report{Mode: report.Converge, Commit: "3f9c5d0a1b2c3d4e", Results: outcomes(report.Unchanged)}, "converge: 1 unchanged, in 0ms, commit 3f9c5d0a1b2c\n"},
		"with further edits": {report.Report{Mode: report.Converge, AsPlanned: 1, Commit: "3f9c", Dirty: true, Results: outcomes(report.Changed)}, "converge: 1 changed, in 0ms, 1/1 as planned, commit 3f9c (dirty)\n"},
		"the rest": {report.Report{Mode: report.Converge, Results: outcomes(report.Unchanged), Warnings: []string{"w"}, Outputs: []report.Output{{Name: "o", Value: "v"}, {Name: "n", Value: map[string]any{"a": 1}}, {Name: "s", Value: "secret", Sensitive: true}},
			Orphans: []report.Orphan{{Address: at("file", "old"), Removal: "file \"old\" {\n}\n"}}},
			"o = v\nn = {\"a\":1}\ns = (sensitive value)\nwarning: w\norphan: file.old is no longer declared, and is left as it is\na manifest that would remove what is left:\n        file \"old\" {\n        }\nconverge: 1 unchanged, in 0ms\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, prose{}.conclusion(&c.r)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// broken is an output that fails.
type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("no space left on device")
}

func TestBrokenOutputIsTold(t *testing.T) {
	r := &report.Report{Results: outcomes(report.Changed)}
	var b broken
	p := New(&b, Options{})
	p.Begin(r)
	p.Ended(r.Results[0])
	p.End(r)
	if err := p.Close(); err == nil || err.Error() != "no space left on device" {
		t.Errorf("got %v", err)
	}
	if b.writes != 1 {
		t.Errorf("%d writes to an output that fails", b.writes)
	}
}

func TestTextIsPlainWhenPiped(t *testing.T) {
	r := &report.Report{Mode: report.Converge, AsPlanned: 2, Results: outcomes(report.Changed, report.Unchanged)}
	var b bytes.Buffer
	p := New(&b, Options{})
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
	New(&v, Options{Verbose: true}).Ended(r.Results[1])
	if diff := cmp.Diff("file.unchanged: unchanged (main.hcl:7)\n", v.String()); diff != "" {
		t.Error(diff)
	}
}

func TestCommandOfAPlan(t *testing.T) {
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"a saved plan": {Options{Makes: func() []string { return []string{"apply", "the plan.plan"} }}, "to make these changes: apply 'the plan.plan'\n"},
		"not saved":    {Options{Makes: func() []string { return []string{} }}, ""},
		"not to be":    {Options{Makes: func() []string { return nil }, Flagged: true}, "to make these changes: apply main.hcl, with the same flags\n"},
		"with flags":   {Options{Flagged: true}, "to make these changes: apply main.hcl, with the same flags\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			p := New(&b, tc.o)
			p.End(&report.Report{Mode: report.Plan, Manifest: "main.hcl", Results: outcomes(report.Pending)})
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("plan: 1 to change, in 0ms\n"+tc.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
