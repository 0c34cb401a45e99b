package joint_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/joint"
)

func TestReader(t *testing.T) {
	var shown, told []string
	var r joint.Report
	reader := &joint.Reader{
		Node: r.Node("n1"), Line: func(b []byte) { shown = append(shown, string(b)) }, Told: func(p string) { told = append(told, p) },
	}
	for _, text := range []string{
		`{"event":"run","run":"R","node":"host"}` + "\nnot JSON\nnull\n[1]\n{\"event\":\"res",
		`ource","address":"exec.x","pos":"m:1","outcome":"failed","error":{"summary":"exit\u001b code 3"}}` + "\n",
		`{"event":"diagnostic","severity":"error","summary":"S","detail":"D","range":{"filename":"m","start":{"line":7}}}` + "\n",
		`{"event":"summary","outcome":"failed","total":3,"failed":1,"changed":2}` + "\n",
	} {
		if _, err := reader.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	n := r.Node("n1")
	if diff := cmp.Diff([]string{`m:1: exec.x: exit\x1b code 3`, "m:7: S; D"}, told); diff != "" {
		t.Error(diff)
	}
	if n.Run != "R" || n.Counts().Changed != 2 || len(n.Results) != 1 || n.Problem() != `m:1: exec.x: exit\x1b code 3; and 1 more` {
		t.Errorf("read wrongly: %+v", n)
	}
	if len(shown) != 4 || shown[0] != `{"event":"run","node":"n1","run":"R"}` {
		t.Errorf("shown wrongly: %q", shown)
	}
	if _, err := reader.Write([]byte(strings.Repeat("x", 2<<20))); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a line without an end: want the limit, got %v", err)
	}
}
