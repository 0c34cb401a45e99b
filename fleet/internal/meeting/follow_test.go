package meeting

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/fleet/joint"
)

// TestWaits is how waits end: by a change of the run's record, together with the run's end, and without the fact.
func TestWaits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fact  bool
		ended bool
		want  bool
	}{{"met", true, false, true}, {"met, and the run ended", true, true, true}, {"never met", false, true, false}} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Unix(1700000000, 0)
			f := newFollower(&Meeting{deployment: "d"}, &joint.Report{Started: start})
			revision := int64(1)
			say := func(kind name.Kind, what string, after time.Duration, rec any) {
				b, err := json.Marshal(rec)
				if err != nil {
					t.Fatal(err)
				}
				revision++
				k := name.Key{Kind: kind, Deployment: "d", Node: "n1", Name: what}
				e := store.Event{Entry: store.Entry{Key: k.String(), Value: b, Revision: revision, Created: revision, Time: start.Add(after)}}
				f.take(store.Update{Changes: []store.Event{e}}, []store.Event{e})
			}
			wait := record.Wait{Name: "w", Fact: "up", Nodes: []string{"n1"}, Active: true}
			say(name.KindRun, "", time.Second, &record.Run{ID: "r", Waits: []record.Wait{wait}})
			if tt.fact {
				say(name.KindFact, "up", 2*time.Second, &record.Fact{Status: record.OK, Value: json.RawMessage("true"), Run: "r"})
			}
			say(name.KindRun, "", 3*time.Second, &record.Run{ID: "r", Ended: tt.ended})
			got := f.waits()
			if len(got) != 1 || got[0].Met != tt.want || got[0].StartMS != 1000 || got[0].DurationMS != 2000 || (len(got[0].For) == 1) != tt.fact {
				t.Errorf("got %+v", got)
			}
		})
	}
}
