package engine

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

func TestPlanOfWhatIsOwed(t *testing.T) {
	w := &world{}
	rep, err := Plan(t.Context(), node{}, parse(t, w, "a:there s:there s2:there", "a~s s~s2"), Options{Owed: func(target resources.Address) []resources.Address {
		if target.Title == "s" {
			return []resources.Address{{Type: "t", Title: "a"}}
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, res := range rep.Results {
		got = append(got, fmt.Sprintf("%s=%s %s %v", res.Address.Title, res.Outcome, res.Certainty, res.NotifiedBy))
	}
	want := []string{"a=unchanged exact []", "s=pending exact [t.a]", "s2=pending after t.s [t.s]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
