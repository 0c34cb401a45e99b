package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// teller knows afterwards what it did.
type teller struct{ thing }

func (*teller) Done(found resources.Diff) resources.Diff {
	return resources.Diff{Changes: []resources.Change{{Attr: "ensure", From: found.Changes[0].From, To: "1.2"}}, Notes: []string{"a lock was waited for"}}
}

// What a resource says after its change is what the report says; a plan has only what was found.
func TestReporter(t *testing.T) {
	w := &world{}
	c := parse(t, w, "a", "")
	th := c.Entries()[0].Resource.(*thing)
	c.Entries()[0].Resource = &teller{*th}
	for _, tt := range []struct {
		run   func() (*report.Report, error)
		after string
		told  []string
	}{
		{func() (*report.Report, error) { return Plan(t.Context(), node{}, c, Options{}) }, "present", nil},
		{func() (*report.Report, error) { return Converge(t.Context(), node{}, c, Options{}) }, "1.2", []string{"a lock was waited for"}},
	} {
		r, err := tt.run()
		if err != nil {
			t.Fatal(err)
		}
		res := r.Results[0]
		if d := cmp.Diff([]string{tt.after}, []string{res.Changes[0].After}); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(tt.told, res.Warnings); d != "" {
			t.Error(d)
		}
	}
}
