package joint_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/report"
)

// sample is a fleet of three: one well, one that failed, one that was not reached.
func sample(t *testing.T) *joint.Report {
	t.Helper()
	r := &joint.Report{Manifest: "main.hcl", Mode: report.Converge, Started: time.Unix(1700000000, 0), DurationMS: 3000}
	for name, text := range map[string]string{
		"n1": `{"event":"run","run":"R1","resources":2}
{"event":"resource","address":"exec.a","type":"exec","pos":"main.hcl:1","outcome":"changed","duration_ms":12}
{"event":"summary","outcome":"changed","total":2,"changed":1,"unchanged":1}
`,
		"n2": `{"event":"resource","address":"exec.a","type":"exec","pos":"main.hcl:1","outcome":"failed","error":{"summary":"exit code 3","detail":"no \u001b]0;x <b>"}}
{"event":"resource","address":"exec.b","type":"exec","pos":"main.hcl:9","outcome":"skipped","because":"exec.a"}
{"event":"summary","outcome":"failed","total":2,"failed":1,"skipped":1}
`,
	} {
		reader := joint.Reader{Node: r.Node(name)}
		if _, err := reader.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for name, outcome := range map[string]string{"n1": "ok", "n2": "failed", "n3": "unreachable"} {
		n := r.Node(name)
		n.Outcome, n.DurationMS = outcome, 1500
		if outcome != "ok" {
			n.Error = "it is " + outcome
		}
	}
	return r
}

func TestFiles(t *testing.T) {
	r := sample(t)
	for _, tt := range []struct {
		name  string
		write func(*strings.Builder) error
		want  []string
		not   string
	}{
		{"junit", func(b *strings.Builder) error { return joint.WriteJUnit(b, r) }, []string{
			`<testsuites name="main.hcl" tests="4" failures="1" errors="1" time="3.000">`,
			`<testsuite name="n2" hostname="n2" tests="2" failures="1" errors="0" skipped="1" time="1.500">`,
			`<testcase classname="n2.exec" name="exec.a" time="0.000">`, `<failure message="exit code 3">main.hcl:1`, `no \x1b]0;x &lt;b&gt;`,
			`<skipped message="skipped because of exec.a"></skipped>`, `<error message="it is unreachable"></error>`,
		}, "\x1b"},
		{"prometheus", func(b *strings.Builder) error { return joint.WritePrometheus(b, r) }, []string{
			`apply_fleet_node_outcome{node="n3",manifest="main.hcl",outcome="unreachable"} 1`,
			`apply_fleet_node_resources{node="n2",manifest="main.hcl",outcome="failed"} 1`, `apply_fleet_timestamp_seconds{manifest="main.hcl"} 1700000000`,
		}, "\x1b"},
		{"json", func(b *strings.Builder) error { return joint.WriteJSON(b, r) }, []string{`"node": "n3"`, `"outcome": "unreachable"`, `"run": "R1"`, `"mode": "converge"`}, "\x1b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := tt.write(&b); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("want %s in\n%s", want, b.String())
				}
			}
			if strings.Contains(b.String(), tt.not) {
				t.Errorf("a control character passes:\n%s", b.String())
			}
		})
	}
	if got := r.Total(); got.Total != 4 || got.Failed != 1 || got.Skipped != 1 || got.Changed != 1 {
		t.Errorf("summed wrongly: %+v", got)
	}
}

func TestProgress(t *testing.T) {
	r := &joint.Report{}
	p := joint.Progress{Total: 4}
	start := time.Unix(0, 0)
	if got := strings.Join(p.Lines(start, 8), "\n"); got != "0 of 4 nodes done, getting ready, 0s" {
		t.Errorf("before the first begins: %s", got)
	}
	for i, name := range []string{"n1", "n2", "n3"} {
		p.Begun(r.Node(name), start.Add(time.Duration(i)*time.Second))
	}
	reader := joint.Reader{Node: r.Node("n1")}
	reader.Write([]byte(`{"event":"run","resources":3}
{"event":"resource","address":"exec.a","outcome":"unchanged"}
{"event":"waiting","address":"wait.w","detail":"waiting for up: 1 of 2 nodes"}
`))
	got := strings.Join(p.Lines(start.Add(9*time.Second), 2), "\n")
	if want := "  n1: 1 of 3 done, 9s, waiting for up: 1 of 2 nodes\n0 of 4 nodes done, 2 at work, 1 waiting, 9s"; got != want {
		t.Errorf("want\n%s\ngot\n%s", want, got)
	}
	if n := p.Ended(r.Node("n1"), false); n != 1 {
		t.Errorf("want 1 ended, got %d", n)
	}
	got = strings.Join(p.Lines(start.Add(9*time.Second), 8), "\n")
	if want := "  n2: begins, 8s\n  n3: begins, 7s\n1 of 4 nodes done, 2 at work, 1 failed, 9s"; got != want {
		t.Errorf("want\n%s\ngot\n%s", want, got)
	}
}
