package junit

import (
	"bytes"
	"encoding/xml"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func at(typ, title string) resources.Address { return resources.Address{Type: typ, Title: title} }

func TestJUnit(t *testing.T) {
	r := &report.Report{Run: "01JD", Node: "node01", Mode: report.Converge, Manifest: "site/main.hcl", Commit: "3f9c", Started: time.Unix(1700000000, 0), DurationMS: 512.3, AsPlanned: 3}
	r.Results = []*report.Result{
		{Address: at("file", "/data"), Type: "file", Pos: "site/main.hcl:12", Outcome: report.Changed, Changes: []report.Change{{Attribute: "mode", Before: "0700", After: "<0755>"}}, DurationMS: 0.8},
		{Address: at("exec", "rc"), Type: "exec", Pos: "site/main.hcl:40", Outcome: report.Failed, Error: &report.Error{Summary: "exit code 3", Detail: "]]> \x1b[1m & more\n", Pos: "site/main.hcl:41,3-20"}, Warnings: []string{"attempt 1"}, DurationMS: 12},
		{Address: at("exec", "next"), Type: "exec", Pos: "site/main.hcl:44", Outcome: report.Skipped, Because: "exec.rc"},
		{Address: at("exec", "off"), Type: "exec", Pos: "site/main.hcl:48", Outcome: report.Skipped, Reason: "interrupted"},
		{Address: at("file", "a"), Type: "file", Outcome: report.Unchanged},
	}
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
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
      <property name="dirty" value="false"></property>
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
	if err := Write(&b, &report.Report{Aborted: "journal: no space left on device"}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte(`errors="1"`)) || !bytes.Contains(b.Bytes(), []byte("<system-err><![CDATA[journal: no space left on device]]></system-err>")) {
		t.Error(b.String())
	}
}
