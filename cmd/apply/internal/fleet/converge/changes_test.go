package converge

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/report"
)

// TestChanges: what would change is printed once for the nodes on which it is the same, in the order of the manifest, whatever the order in which it came.
func TestChanges(t *testing.T) {
	resource := func(address, pos, outcome, more string) string {
		return `{"event":"resource","address":"` + address + `","pos":"` + pos + `","outcome":"` + outcome + `"` + more + "}\n"
	}
	const change = `,"certainty":"exact","changes":[{"attribute":"mode","before":"0700","after":"0755"}]`
	a, b := resource("file.a", "main.hcl:9", "pending", change), resource("file.b", "main.hcl:10", "pending", change)
	told := map[string]string{
		"n1": a + b,
		"n2": b + a + resource("file.c", "main.hcl:1", "unchanged", ""),
		"n3": resource("file.c", "main.hcl:1", "unchanged", ""),
		"n4": resource("exec.d", "main.hcl:3", "failed", `,"error":{"summary":"exit code 1"}`) + resource(`file.e`, `x\u001b:2`, "pending", change) + resource("file.f", "y:1", `\u001bc`, ""),
	}
	const both = `file.a: would change (main.hcl:9) [exact, irreversible]
    mode: 0700 -> 0755
file.b: would change (main.hcl:10) [exact, irreversible]
    mode: 0700 -> 0755
`
	for _, tt := range []struct {
		name    string
		verbose bool
		want    string
	}{
		{"what would change", false, `---------------
n[1-2] (2)
---------------
` + both + `---------------
n4
---------------
file.e: would change (x\x1b:2) [exact, irreversible]
    mode: 0700 -> 0755
`},
		{"all", true, `---------------
n1
---------------
` + both + `---------------
n2
---------------
file.c: unchanged (main.hcl:1)
` + both + `---------------
n3
---------------
file.c: unchanged (main.hcl:1)
---------------
n4
---------------
exec.d: failed (main.hcl:3)
    exit code 1
file.e: would change (x\x1b:2) [exact, irreversible]
    mode: 0700 -> 0755
file.f: \x1bc (y:1)
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, stdout, _ := asked(t, "--plan")
			c.Verbose = tt.verbose
			c.joint.Mode = report.Plan
			var results []*fleet.Result
			for _, node := range []string{"n4", "n3", "n2", "n1"} {
				if _, err := io.WriteString(c.reader(c.joint.Node(node)), told[node]); err != nil {
					t.Fatal(err)
				}
				results = append(results, &fleet.Result{Node: node, Outcome: fleet.OK})
			}
			stdout.Reset()
			if err := c.told(results, 0); err != nil {
				t.Fatal(err)
			}
			const last = "4 nodes: 0 changed, 0 refreshed, 0 pending, 0 failed, 0 skipped of 0 resources\n"
			if diff := cmp.Diff(tt.want+last, stdout.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
