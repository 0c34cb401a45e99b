package rehearsal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAgainst(t *testing.T) {
	one := State{"/same": {"file", "x"}, "/text": {"file a", "a\n"}, "/gone": {"link", ""}, "/size": {"file 1", ""}}
	other := State{"/same": {"file", "y"}, "/text": {"file b", "b\n"}, "/size": {"file 2", "b\n"}, "exec.a": {"failed: no", ""}}
	want := []Difference{
		{Name: "/gone", First: "link", Second: "as on the node"},
		{Name: "/size", First: "file 1", Second: "file 2"},
		{Name: "/text", First: "file a", Second: "file b", Diff: "--- /text\n+++ /text\n@@ -1,1 +1,1 @@\n-a\n+b\n"},
		{Name: "exec.a", First: "as on the node", Second: "failed: no"},
	}
	if diff := cmp.Diff(want, one.Against(other)); diff != "" {
		t.Error(diff)
	}
}
