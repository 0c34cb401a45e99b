package view

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/recordtest"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

func up(n string) name.Key    { return name.Key{Kind: name.KindFact, Node: n, Name: "up"} }
func limit(n string) name.Key { return name.Key{Kind: name.KindLimit, Node: n, Name: "l"} }

func TestFact(t *testing.T) {
	yes := record.Fact{Status: record.OK, Value: json.RawMessage("true"), Run: "r", Boot: "b1"}
	short := yes
	short.TTL = 2 * time.Second
	for _, c := range []struct {
		name   string
		writes []store.Event
		there  bool
		stale  string
		counts bool // among what the node exports
		told   bool // by the run "r"
	}{
		{"none", nil, false, "", false, false},
		{"one", []store.Event{recordtest.At(t, 1, up("a"), yes)}, true, "", true, true},
		{"of this boot", []store.Event{recordtest.At(t, 1, recordtest.Node("a"), record.Node{Boot: "b1"}), recordtest.At(t, 2, up("a"), yes)}, true, "", true, true},
		{"of an earlier boot", []store.Event{recordtest.At(t, 1, up("a"), yes), recordtest.At(t, 2, recordtest.Node("a"), record.Node{Boot: "b2"})}, true, "stale: the node has booted since", false, false},
		{"still fresh", []store.Event{recordtest.At(t, 1, up("a"), short), recordtest.At(t, 3, recordtest.Node("b"), record.Node{})}, true, "", true, true},
		{"too old", []store.Event{recordtest.At(t, 1, up("a"), short), recordtest.At(t, 4, recordtest.Node("b"), record.Node{})}, true, "stale: older than its ttl of 2s", false, false},
		{"withdrawn", []store.Event{recordtest.At(t, 1, up("a"), record.Fact{Status: record.Removed, Run: "r"})}, true, "", false, true},
		{"of another run", []store.Event{recordtest.At(t, 1, up("a"), record.Fact{Status: record.OK, Value: json.RawMessage("1"), Run: "q"})}, true, "", true, false},
		{"of another deployment", []store.Event{{Entry: store.Entry{Key: name.Key{Kind: name.KindFact, Deployment: "x", Node: "a", Name: "up"}.String(), Value: []byte(`{}`)}}}, false, "", false, false},
		{"deleted", []store.Event{recordtest.At(t, 1, up("a"), yes), {Entry: store.Entry{Key: recordtest.At(t, 1, up("a"), yes).Key, Revision: 2}, Deleted: true}}, false, "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := New("d")
			v.Update(store.Update{Changes: c.writes})
			f, there := v.Fact("a", "up")
			if there != c.there || f.Stale != c.stale {
				t.Errorf("there %t, stale %q; want %t, %q", there, f.Stale, c.there, c.stale)
			}
			if _, counts := v.Exported("a")["up"]; counts != c.counts {
				t.Errorf("it counts: %t, want %t", counts, c.counts)
			}
			if told := v.Told("a", "up", &record.Run{ID: "r"}); told != c.told {
				t.Errorf("the run has told it: %t, want %t", told, c.told)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	v := New("d")
	bad := recordtest.At(t, 1, up("a"), 1)
	worse := recordtest.At(t, 2, recordtest.Run("a"), []int{})
	v.Update(store.Update{Changes: []store.Event{bad, worse}})
	if f, there := v.Fact("a", "up"); !there || f.Stale == "" {
		t.Errorf("there %t, stale %q: want it to be named as such", there, f.Stale)
	}
	if _, run := v.Node("a"); run != nil {
		t.Errorf("a run that is none: %+v", run)
	}
	if got := v.RunRevision("a"); got != 2 {
		t.Errorf("revision %d, want 2", got)
	}
}

func TestGroups(t *testing.T) {
	v := New("d")
	in := record.Node{Groups: []string{"g"}}
	v.Update(store.Update{Changes: []store.Event{recordtest.At(t, 1, recordtest.Node("b"), in), recordtest.At(t, 2, recordtest.Node("a"), in), recordtest.At(t, 3, up("c"), record.Fact{})}})
	if diff := cmp.Diff([][]string{{"a", "b"}, {"a", "b", "c"}}, [][]string{v.Members("g"), v.Nodes()}); diff != "" {
		t.Error(diff)
	}
	v.Update(store.Update{Changes: []store.Event{recordtest.At(t, 4, recordtest.Node("a"), record.Node{})}})
	if diff := cmp.Diff([]string{"b"}, v.Members("g")); diff != "" {
		t.Errorf("after a has left: %s", diff)
	}
	v.Update(store.Update{Reset: &store.Listing{Revision: 9, Entries: []store.Entry{recordtest.At(t, 5, recordtest.Node("z"), in).Entry}}})
	if diff := cmp.Diff([][]string{{"z"}, {"z"}}, [][]string{v.Members("g"), v.Nodes()}); diff != "" || v.Revision != 9 {
		t.Errorf("after a reset to revision %d: %s", v.Revision, diff)
	}
}

func TestQueue(t *testing.T) {
	v := New("d")
	v.Update(store.Update{Changes: []store.Event{
		recordtest.At(t, 3, limit("a"), record.Limit{Run: "r", Max: 1}), recordtest.At(t, 2, limit("b"), record.Limit{Run: "q", Max: 1}),
		recordtest.At(t, 4, recordtest.Run("a"), record.Run{ID: "r", Doing: "applying file.x", Waits: []record.Wait{{Name: "w", Fact: "up", Nodes: []string{"b"}, Active: true}, {Name: "later", Fact: "up", Nodes: []string{"b"}}}}),
		recordtest.At(t, 5, recordtest.Run("b"), record.Run{ID: "q", Ended: true}),
	}})
	want := []Place{{"b", 2, "q", "no run there"}, {"a", 3, "r", "applying file.x, in wait.w for up"}}
	if diff := cmp.Diff(want, v.Queue("l")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("inside: b (no run there), a (applying file.x, in wait.w for up)", InsideText(v.Queue("l"))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("nobody is inside", InsideText(v.Queue("other"))); diff != "" {
		t.Error(diff)
	}
	var many []Place
	for range 10 {
		many = append(many, Place{Node: "n", Doing: "x"})
	}
	if diff := cmp.Diff("inside: n (x), n (x), n (x), n (x), n (x), n (x), n (x), n (x), and 2 more", InsideText(many)); diff != "" {
		t.Error(diff)
	}
}
