package converge_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/fleet/converge"
)

// TestCheckError: what is wrong on many nodes is told once, with their names.
func TestCheckError(t *testing.T) {
	problems := []verdict.Problem{
		{Node: "n10", Wait: "all", Why: "up: 0 of 12 nodes"}, {Node: "n2", Wait: "one", Why: "up of n9: no such node"}, {Node: "n1", Wait: "all", Why: "up: 0 of 12 nodes"},
		{Node: "n2", Wait: "all", Why: "up: 0 of 12 nodes"}, {Node: "n1", Wait: "other", Why: "up: 0 of 12 nodes"},
	}
	for _, tt := range []struct {
		late bool
		want string
	}{{false, ""}, {true, " in batches (give a larger --batch)"}} {
		err := &converge.CheckError{Problems: problems, Late: tt.late}
		want := "nothing was touched, as waits between nodes cannot come true" + tt.want + `
  n[1-2,10]: wait.all: up: 0 of 12 nodes
  n2: wait.one: up of n9: no such node
  n1: wait.other: up: 0 of 12 nodes`
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
}
