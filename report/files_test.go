package report

import (
	"bytes"
	"encoding/xml"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJUnit(t *testing.T) {
	r := &Report{Run: "01JD", Node: "node01", Mode: Converge, Manifest: "site/main.hcl", Commit: "3f9c", Started: time.Unix(1700000000, 0), DurationMS: 512.3, AsPlanned: 3}
	r.Results = []*Result{
		{Address: at("file", "/data"), Type: "file", Pos: "site/main.hcl:12", Outcome: Changed, Changes: []Change{{Attribute: "mode", Before: "0700", After: "<0755>"}}, DurationMS: 0.8},
		{Address: at("exec", "rc"), Type: "exec", Pos: "site/main.hcl:40", Outcome: Failed, Error: &Error{"exit code 3", "]]> \x1b[1m & more\n", "site/main.hcl:41,3-20"}, Warnings: []string{"attempt 1"}, DurationMS: 12},
		{Address: at("exec", "next"), Type: "exec", Pos: "site/main.hcl:44", Outcome: Skipped, Because: "exec.rc"},
		{Address: at("exec", "off"), Type: "exec", Pos: "site/main.hcl:48", Outcome: Skipped, Reason: "interrupted"},
		{Address: at("file", "a"), Type: "file", Outcome: Unchanged},
	}
	var b bytes.Buffer
	if err := WriteJUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="apply" tests="5" failures="1" errors="0" skipped="2" time="0.5123">
  <testsuite name="main.hcl" tests="5" failures="1" errors="0" skipped="2" time="0.5123" timestamp="2023-11-14T22:13:20" hostname="node01">
    <properties>
      <property name="run" value="01JD"></property>
      <property name="mode" value="converge"></property>
      <property name="outcome" value="failed"></property>
      <property name="manifest" value="site/main.hcl"></property>
      <property name="commit" value="3f9c"></property>
    </properties>
    <testcase classname="file" name="file[&#34;/data&#34;]" file="site/main.hcl" line="12" time="0.0008">
      <system-out><![CDATA[changed
    mode: 0700 -> <0755>
]]></system-out>
    </testcase>
    <testcase classname="exec" name="exec.rc" file="site/main.hcl" line="40" time="0.012">
      <failure message="exit code 3" type="failed"><![CDATA[site/main.hcl:41,3-20: exit code 3
]]]]><![CDATA[> \x1b[1m & more]]></failure>
      <system-err><![CDATA[attempt 1]]></system-err>
    </testcase>
    <testcase classname="exec" name="exec.next" file="site/main.hcl" line="44" time="0">
      <skipped message="exec.rc failed"></skipped>
    </testcase>
    <testcase classname="exec" name="exec.off" file="site/main.hcl" line="48" time="0">
      <skipped message="interrupted"></skipped>
    </testcase>
    <testcase classname="file" name="file.a" time="0"></testcase>
  </testsuite>
</testsuites>
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	var back junitSuites
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Error(err)
	}
}

func TestJUnitOfARunThatWasStopped(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJUnit(&b, &Report{Aborted: "journal: no space left on device"}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte(`errors="1"`)) || !bytes.Contains(b.Bytes(), []byte("<system-err><![CDATA[journal: no space left on device]]></system-err>")) {
		t.Error(b.String())
	}
}

func TestPrometheus(t *testing.T) {
	r := &Report{Node: "node01", Mode: Converge, Manifest: `a"b\c`, Started: time.Unix(1700000000, 0), DurationMS: 1500, Results: outcomes(Changed, Unchanged)}
	var b bytes.Buffer
	if err := WritePrometheus(&b, r, time.Unix(1600000000, 0)); err != nil {
		t.Fatal(err)
	}
	want := `# HELP apply_run_outcome 1 for the outcome of the last run, 0 for the others.
# TYPE apply_run_outcome gauge
apply_run_outcome{node="node01",manifest="a\"b\\c",outcome="unchanged"} 0
apply_run_outcome{node="node01",manifest="a\"b\\c",outcome="changed"} 1
apply_run_outcome{node="node01",manifest="a\"b\\c",outcome="pending"} 0
apply_run_outcome{node="node01",manifest="a\"b\\c",outcome="failed"} 0
# HELP apply_run_resources Resources of the last run by outcome.
# TYPE apply_run_resources gauge
apply_run_resources{node="node01",manifest="a\"b\\c",outcome="unchanged"} 1
apply_run_resources{node="node01",manifest="a\"b\\c",outcome="changed"} 1
apply_run_resources{node="node01",manifest="a\"b\\c",outcome="refreshed"} 0
apply_run_resources{node="node01",manifest="a\"b\\c",outcome="pending"} 0
apply_run_resources{node="node01",manifest="a\"b\\c",outcome="skipped"} 0
apply_run_resources{node="node01",manifest="a\"b\\c",outcome="failed"} 0
# HELP apply_run_interrupted 1 if a signal ended the last run.
# TYPE apply_run_interrupted gauge
apply_run_interrupted{node="node01",manifest="a\"b\\c"} 0
# HELP apply_run_duration_seconds How long the last run took.
# TYPE apply_run_duration_seconds gauge
apply_run_duration_seconds{node="node01",manifest="a\"b\\c"} 1.5
# HELP apply_run_timestamp_seconds When the last run ended.
# TYPE apply_run_timestamp_seconds gauge
apply_run_timestamp_seconds{node="node01",manifest="a\"b\\c"} 1700000001.500
# HELP apply_last_change_timestamp_seconds When a run last changed something.
# TYPE apply_last_change_timestamp_seconds gauge
apply_last_change_timestamp_seconds{node="node01",manifest="a\"b\\c"} 1700000001.500
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestLastChange(t *testing.T) {
	r := &Report{Node: "n", Manifest: "m", Started: time.Unix(1700000000, 0), Results: outcomes(Unchanged)}
	var first bytes.Buffer
	if err := WritePrometheus(&first, r, time.UnixMilli(1600000000250)); err != nil {
		t.Fatal(err)
	}
	other := &Report{Node: "n", Manifest: "other"}
	for name, c := range map[string]struct {
		earlier []byte
		r       *Report
		want    time.Time
	}{
		"kept":             {first.Bytes(), r, time.UnixMilli(1600000000250)},
		"another manifest": {first.Bytes(), other, time.Time{}},
		"nothing":          {nil, r, time.Time{}},
		"damaged":          {[]byte("apply_last_change_timestamp_seconds{node=\"n\",manifest=\"m\"} x\n"), r, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, LastChange(c.earlier, c.r)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShorten(t *testing.T) {
	for name, c := range map[string]struct {
		s    string
		n    int
		want string
	}{
		"fits":         {"abc", 3, "abc"},
		"the middle":   {"abcdefgh", 5, "ab…gh"},
		"even":         {"abcdefgh", 4, "ab…h"},
		"one":          {"abcdefgh", 1, "…"},
		"none":         {"abc", 0, ""},
		"wide":         {"日本語の住所", 7, "日…所"},
		"wide, uneven": {"日本語の住所", 6, "日…所"},
		"marks":        {"e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301…e\u0301"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Shorten(c.s, c.n)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if Columns(got) > max(c.n, 0) {
				t.Errorf("%q takes %d columns", got, Columns(got))
			}
		})
	}
}

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "é": 1, "e\u0301": 1, "…": 1, "🙂": 2, "ｆ": 2, "a\u200bb": 2} {
		if diff := cmp.Diff(want, Columns(s)); diff != "" {
			t.Errorf("%q: %s", s, diff)
		}
	}
	if diff := cmp.Diff("日…", Cut("日本語", 4)); diff != "" {
		t.Error(diff)
	}
}
