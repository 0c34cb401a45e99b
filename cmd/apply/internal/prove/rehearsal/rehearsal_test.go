package rehearsal

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/sandbox/model"
)

func TestNothingIsFetchedTwiceWithoutNetwork(t *testing.T) {
	h := hosttest.New(t, "")
	h.Answer("apt-get", 0, "")
	h.Answer("curl", 0, "")
	node, err := model.New(h, "", model.Seed{})
	if err != nil {
		t.Fatal(err)
	}
	given := []string{"apt-get", "-o", "Acquire::Retries=3", "update"}
	for _, args := range [][]string{given, {"curl", "Acquire::Retries=3"}} {
		if _, err := (stage{node}).Run(context.Background(), host.Cmd{Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"apt-get -o Acquire::Retries=0 update", "curl Acquire::Retries=3"}, h.Calls()); diff != "" {
		t.Error(diff)
	}
	if given[2] != "Acquire::Retries=3" {
		t.Error("the caller's command was changed")
	}
}
