package memory

import (
	"testing"

	"github.com/nodeapply/apply/resources"
)

// A run that was killed has no report, which would say of which manifest it was: what its undo put back drifts by no manifest, and nothing becomes no orphan.
func TestUndoneWithoutAReport(t *testing.T) {
	state := open(t)
	for _, source := range []string{"/one.hcl", "/two.hcl"} {
		run{decl: "a=1 b=1", ends: "a=made b=made"}.remember(t, state, source)
	}
	if err := Undone(state, "KILLED", map[resources.Address]bool{{Type: "file", Title: "/a"}: true}); err != nil {
		t.Fatal(err)
	}
	run{decl: "a=1 b=1", drifted: "b", ends: "a=changed b=changed"}.remember(t, state, "/one.hcl")
	run{decl: "b=1", drifted: "b", orphans: "a"}.remember(t, state, "/two.hcl")
}
