package prometheus

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
)

func TestPrometheus(t *testing.T) {
	r := &report.Report{Node: "node01", Mode: report.Converge, Manifest: `a"b\c`, Started: time.Unix(1700000000, 0), DurationMS: 1500, Results: []*report.Result{{Outcome: report.Changed}, {Outcome: report.Unchanged}}}
	var b bytes.Buffer
	if err := Write(&b, r, time.Unix(1600000000, 0)); err != nil {
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
	r := &report.Report{Node: "n", Manifest: "m", Started: time.Unix(1700000000, 0), Results: []*report.Result{{Outcome: report.Unchanged}}}
	var first bytes.Buffer
	if err := Write(&first, r, time.UnixMilli(1600000000250)); err != nil {
		t.Fatal(err)
	}
	other := &report.Report{Node: "n", Manifest: "other"}
	of := func(ref string) *report.Report {
		return &report.Report{Node: "n", Manifest: "git::https://example.org/site.git?ref=" + ref, Source: "git::https://example.org/site.git"}
	}
	var release bytes.Buffer
	if err := Write(&release, of("v1"), time.UnixMilli(1600000000250)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		earlier []byte
		r       *report.Report
		want    time.Time
	}{
		"kept":             {first.Bytes(), r, time.UnixMilli(1600000000250)},
		"another manifest": {first.Bytes(), other, time.Time{}},
		"another revision": {release.Bytes(), of("v2"), time.UnixMilli(1600000000250)},
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
