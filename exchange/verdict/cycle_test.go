package verdict

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/recordtest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

// Two nodes wait for each other, by what their runs say: a cycle only as long as what the first waits for is neither there nor told, and the second's run
// goes on.
func TestWhatEndsACycle(t *testing.T) {
	const cycle = "a wait.w needs y of b -> b wait.u needs x of a -> a wait.w"
	old := func(f record.Fact) *record.Fact { f.Run = "old"; return &f }
	now := func(f record.Fact) *record.Fact { return &f }
	for _, c := range []struct {
		name  string
		fact  *record.Fact // y of b
		ended bool         // b's run
		min   int          // of b and c
		want  string
	}{
		{name: "nothing is there", want: cycle},
		{name: "it is there", fact: now(ok("1"))},
		{name: "it is there of an earlier run", fact: old(ok("1"))},
		{name: "its run told another value", fact: now(ok("false"))},
		{name: "an earlier run told another value", fact: old(ok("false")), want: cycle},
		{name: "its run failed to tell it", fact: now(failed("exit 1"))},
		{name: "an earlier run failed to tell it", fact: old(failed("exit 1")), want: cycle},
		{name: "it is of an earlier boot", fact: &record.Fact{Status: record.OK, Value: json.RawMessage("1"), Run: "old", Boot: "before"}, want: cycle},
		{name: "its run has ended", ended: true},
		{name: "another node is enough", min: 1},
		{name: "both nodes have to", min: 2, want: cycle},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := record.Wait{Name: "w", Fact: "y", Nodes: []string{"b"}}
			if c.min > 0 {
				w.Nodes, w.Min = []string{"b", "c"}, c.min
			}
			changes := []store.Event{
				recordtest.At(t, 1, recordtest.Node("b"), record.Node{Boot: "now"}),
				recordtest.At(t, 2, recordtest.Run("a"), record.Run{ID: "r", Exports: []record.Export{{Fact: "x", Behind: []string{"w"}}}, Waits: []record.Wait{w}}),
				recordtest.At(t, 3, recordtest.Run("b"), record.Run{ID: "r", Ended: c.ended, Exports: []record.Export{{Fact: "y", Behind: []string{"u"}}},
					Waits: []record.Wait{{Name: "u", Fact: "x", Nodes: []string{"a"}}}}),
			}
			if c.fact != nil {
				changes = append(changes, recordtest.At(t, 4, recordtest.Fact("b", "y"), *c.fact))
			}
			v := view.New("d")
			v.Update(store.Update{Changes: changes})
			got := ""
			for _, x := range cycles(v) {
				got += x.String()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
