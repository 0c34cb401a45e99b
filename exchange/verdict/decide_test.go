package verdict

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/recordtest"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

func ok(v string) record.Fact {
	return record.Fact{Status: record.OK, Value: json.RawMessage(v), Run: "r"}
}
func failed(why string) record.Fact { return record.Fact{Status: record.Failed, Reason: why, Run: "r"} }
func live(exports ...string) record.Run {
	r := record.Run{ID: "r"}
	for _, e := range exports {
		r.Exports = append(r.Exports, record.Export{Fact: e})
	}
	return r
}

func block(addresses ...string) record.Run {
	r := record.Run{ID: "r"}
	for _, a := range addresses {
		a, failed := strings.CutSuffix(a, " failed")
		b := record.Block{Address: a}
		if failed {
			b.Failed = "exec.mk"
		}
		r.Blocks = append(r.Blocks, b)
	}
	return r
}

func TestDecide(t *testing.T) {
	who, run, fact := recordtest.Node, recordtest.Run, recordtest.Fact
	group := record.Wait{Name: "w", Fact: "up", Group: "g", Min: 2}
	named := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b", "a"}}
	isTrue := record.Wait{Name: "w", Fact: "up", Nodes: []string{"a"}, Equals: json.RawMessage("true")}
	in := record.Node{Groups: []string{"g"}, Boot: "b1"}
	type write struct {
		key name.Key
		rec any
	}
	early, late := Asker{Since: 0}, Asker{Since: 1000}
	for _, c := range []struct {
		name   string
		writes []write
		wait   record.Wait
		asker  Asker
		state  State
		have   []string
		text   string
	}{
		{"nothing is there", nil, named, early, Waiting, nil, "up: 0 of 2 nodes; a: not seen yet; b: not seen yet"},
		{"named nodes have it", []write{{fact("a", "up"), ok("true")}, {fact("b", "up"), ok("1")}}, named, early,
			Met, []string{"a", "b"}, "up: 2 of 2 nodes"},
		{"false is not there", []write{{fact("a", "up"), ok("false")}, {fact("b", "up"), ok("1")}}, named, early,
			Waiting, []string{"b"}, "up: 1 of 2 nodes; a: is false; no run there"},
		{"the text false is not true", []write{{fact("a", "up"), ok(`"false"`)}}, isTrue, early,
			Waiting, nil, `up: 0 of 1 nodes; a: is "false"; no run there`},
		{"the text true is not true", []write{{fact("a", "up"), ok(`"true"`)}}, isTrue, early,
			Waiting, nil, `up: 0 of 1 nodes; a: is "true"; no run there`},
		{"true", []write{{fact("a", "up"), ok("true")}}, isTrue, early, Met, []string{"a"}, "up: 1 of 1 nodes"},
		{"a group that is too small", []write{{who("a"), in}, {fact("a", "up"), ok("true")}}, group, early,
			Waiting, []string{"a"}, "up: 1 of 2 nodes; group g has 1 so far"},
		{"all of a group, though min are there",
			[]write{{who("a"), in}, {who("b"), in}, {who("c"), in}, {fact("a", "up"), ok("1")}, {fact("b", "up"), ok("1")}, {run("c"), live("up")}},
			group, early, Waiting, []string{"a", "b"}, "up: 2 of 3 nodes; c: running"},
		{"a group that is whole", []write{{who("a"), in}, {who("b"), in}, {fact("a", "up"), ok("1")}, {fact("b", "up"), ok("1")}},
			group, early, Met, []string{"a", "b"}, "up: 2 of 2 nodes"},
		{"what it requires failed in a live run", []write{{run("a"), live()}, {fact("a", "up"), failed("service.glusterd: exit 1")}}, isTrue, late,
			Never, nil, "up: 0 of 1 nodes; a: failed: service.glusterd: exit 1"},
		{"a run that will not export it", []write{{run("a"), live("other")}}, isTrue, late,
			Never, nil, "up: 0 of 1 nodes; a: its run does not export it"},
		{"a run that may export it under a name that is not known yet", []write{{run("a"), block("fact.x")}}, isTrue, late,
			Waiting, nil, "up: 0 of 1 nodes; a: running"},
		{"a run of which one such block failed", []write{{run("a"), block("fact.x failed", "fact.y")}}, isTrue, late,
			Waiting, nil, "up: 0 of 1 nodes; a: running"},
		{"a run of which all have", []write{{run("a"), block("fact.x failed")}}, isTrue, late,
			Never, nil, "up: 0 of 1 nodes; a: failed: exec.mk"},
		{"a run that ended without it, while I wait", []write{{run("a"), record.Run{ID: "r", Ended: true, Failed: "exec.mkfs: exit 1"}}}, isTrue, early,
			Never, nil, "up: 0 of 1 nodes; a: its run ended without it: exec.mkfs: exit 1"},
		{"a run that ended before mine began may begin again", []write{{run("a"), record.Run{ID: "r", Ended: true}}}, isTrue, late,
			Waiting, nil, "up: 0 of 1 nodes; a: its run ended without it"},
		{"but not for ever", []write{{run("a"), record.Run{ID: "r", Ended: true}}}, isTrue, Asker{Since: 1000, Settled: true},
			Never, nil, "up: 0 of 1 nodes; a: its run ended without it"},
		{"failed in an earlier run, and the new one has it before it",
			[]write{{fact("a", "up"), record.Fact{Status: record.Failed, Run: "old"}}, {run("a"), live("up")}}, isTrue, early,
			Waiting, nil, "up: 0 of 1 nodes; a: running"},
		{"a fact of an earlier boot", []write{{who("a"), record.Node{Boot: "b2"}}, {fact("a", "up"), record.Fact{Status: record.OK, Value: json.RawMessage("true"), Boot: "b1"}}}, isTrue, early,
			Waiting, nil, "up: 0 of 1 nodes; a: stale: the node has booted since"},
		{"a fact of an earlier boot, and a run since", []write{{who("a"), record.Node{Boot: "b2"}}, {run("a"), record.Run{ID: "r", Ended: true}}, {fact("a", "up"), record.Fact{Status: record.OK, Value: json.RawMessage("true"), Boot: "b1"}}}, isTrue, early,
			Never, nil, "up: 0 of 1 nodes; a: stale: the node has booted since, and its run ended without it"},
		{"a fact older than its ttl", []write{{fact("a", "up"), record.Fact{Status: record.OK, Value: json.RawMessage("true"), TTL: time.Second}}, {fact("x", "y"), ok("1")}, {fact("x", "y"), ok("1")}}, isTrue, early,
			Waiting, nil, "up: 0 of 1 nodes; a: stale: older than its ttl of 1s"},
		{"a fact that has gone with its ttl, and its run too", []write{{run("a"), record.Run{ID: "r", Ended: true, Exports: []record.Export{{Fact: "up", TTL: time.Second}}}}}, isTrue, early,
			Never, nil, "up: 0 of 1 nodes; a: stale: older than its ttl of 1s"},
		{"another fact than that", []write{{run("a"), record.Run{ID: "r", Ended: true, Exports: []record.Export{{Fact: "other", TTL: time.Second}}}}}, isTrue, early,
			Never, nil, "up: 0 of 1 nodes; a: its run ended without it"},
		{"a fact that has gone with its ttl in a live run", []write{{run("a"), record.Run{ID: "r", Exports: []record.Export{{Fact: "up", TTL: time.Second}}}}}, isTrue, late,
			Never, nil, "up: 0 of 1 nodes; a: stale: older than its ttl of 1s"},
		{"withdrawn", []write{{fact("a", "up"), record.Fact{Status: record.Removed, Run: "r"}}, {run("a"), live()}}, isTrue, early,
			Never, nil, "up: 0 of 1 nodes; a: withdrawn by its run"},
		{"min of named nodes", []write{{fact("a", "up"), ok("1")}}, record.Wait{Fact: "up", Nodes: []string{"a", "b"}, Min: 1}, early,
			Met, []string{"a"}, "up: 1 of 1 nodes; b: not seen yet"},
		{"one without hope is not all", []write{{run("a"), live()}}, record.Wait{Fact: "up", Nodes: []string{"a", "b"}, Min: 1}, early,
			Waiting, nil, "up: 0 of 1 nodes; a: its run does not export it; b: not seen yet"},
		{"a parameter", []write{{name.Key{Kind: name.KindParam, Name: "p"}, record.Param{Value: json.RawMessage("1")}}}, record.Wait{Fact: "param.p"}, early,
			Met, nil, "param.p: not given yet"},
		{"no parameter", nil, record.Wait{Fact: "param.p"}, early, Waiting, nil, "param.p: not given yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := view.New("d")
			for i, w := range c.writes {
				v.Update(store.Update{Changes: []store.Event{recordtest.At(t, int64(i)+1, w.key, w.rec)}})
			}
			d := Decide(v, c.wait, c.asker)
			if d.State != c.state {
				t.Errorf("state %v, want %v", d.State, c.state)
			}
			if diff := cmp.Diff(c.have, d.Have); diff != "" {
				t.Errorf("have (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.text, d.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAViewForgetsWhatIsDeleted(t *testing.T) {
	v := view.New("d")
	up := recordtest.At(t, 2, recordtest.Fact("a", "up"), ok("1"))
	v.Update(store.Update{Changes: []store.Event{recordtest.At(t, 1, recordtest.Node("a"), record.Node{Groups: []string{"g"}}), up}})
	w := record.Wait{Fact: "up", Group: "g"}
	if d := Decide(v, w, Asker{}); d.State != Met {
		t.Fatalf("before: %v", d)
	}
	v.Update(store.Update{Changes: []store.Event{{Entry: store.Entry{Key: up.Key, Revision: 3}, Deleted: true}}})
	if d := Decide(v, w, Asker{}); d.State != Waiting {
		t.Errorf("after: %v", d)
	}
	v.Update(store.Update{Changes: []store.Event{recordtest.At(t, 4, recordtest.Node("a"), record.Node{})}})
	if diff := cmp.Diff([]string(nil), v.Members("g")); diff != "" {
		t.Errorf("members after leaving the group (-want +got):\n%s", diff)
	}
}

func TestCycle(t *testing.T) {
	wait := func(n, f, of string, behind ...string) record.Wait {
		return record.Wait{Name: n, Fact: f, Nodes: []string{of}, Behind: behind}
	}
	export := func(f string, behind ...string) []record.Export { return []record.Export{{Fact: f, Behind: behind}} }
	block := func(behind ...string) record.Block { return record.Block{Address: "fact.b", Behind: behind} }
	blocks := func(exports []record.Export, b ...record.Block) map[string]record.Run {
		return map[string]record.Run{
			"a": {Exports: exports, Blocks: b, Waits: []record.Wait{wait("w", "y", "b"), wait("v", "y", "b")}},
			"b": {Exports: export("y", "u"), Waits: []record.Wait{wait("u", "x", "a")}},
		}
	}
	cycle := []string{"a wait.w needs y of b -> b wait.u needs x of a -> a wait.w"}
	for _, c := range []struct {
		name string
		runs map[string]record.Run
		want []string
	}{
		{"two nodes", map[string]record.Run{
			"a": {Exports: export("x", "w"), Waits: []record.Wait{wait("w", "y", "b")}},
			"b": {Exports: export("y", "u"), Waits: []record.Wait{wait("u", "x", "a")}},
		}, []string{"a wait.w needs y of b -> b wait.u needs x of a -> a wait.w"}},
		{"exports that nothing holds back", map[string]record.Run{
			"a": {Exports: export("x"), Waits: []record.Wait{wait("w", "y", "b")}},
			"b": {Exports: export("y", "u"), Waits: []record.Wait{wait("u", "x", "a")}},
		}, nil},
		{"a wait for oneself", map[string]record.Run{
			"a": {Exports: export("x", "w"), Waits: []record.Wait{wait("w", "x", "a")}},
		}, []string{"a wait.w needs x of a -> a wait.w"}},
		{"what only blocks can export", blocks(nil, block("w"), block("v", "w")), cycle},
		{"a block that nothing holds back", blocks(nil, block("w"), block()), nil},
		{"blocks of which no wait holds back all", blocks(nil, block("w"), block("v")), nil},
		{"a block beside the export itself", blocks(export("x", "w"), block()), cycle},
		{"over an order of waits in one run", map[string]record.Run{
			"a": {Exports: export("x", "second"), Waits: []record.Wait{wait("first", "y", "b"), wait("second", "z", "c", "first")}},
			"b": {Exports: export("y", "u"), Waits: []record.Wait{wait("u", "x", "a")}},
		}, []string{"a wait.first needs y of b -> b wait.u needs x of a -> a wait.second comes after wait.first -> a wait.first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := view.New("d")
			for n, r := range c.runs {
				v.SetRun(n, &r, 1)
			}
			var got []string
			for _, x := range cycles(v) {
				got = append(got, x.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("cycles (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCyclesAreWhatNeverEnds compares, on random plans of several nodes, the waits that are in or behind a cycle with those
// that are never over when the plans are carried out to the end. Every export is in some plan, so that nothing else can hold.
func TestCyclesAreWhatNeverEnds(t *testing.T) {
	for seed := range uint64(3000) {
		plans := randomPlans(rand.New(rand.NewPCG(seed, 1)))
		v := view.New("d")
		for n, r := range plans {
			v.SetRun(n, r, 1)
			v.SetNode(n, &record.Node{Groups: []string{"all"}})
		}
		stuck := carryOut(plans)
		var got []string
		for n, r := range plans {
			for _, w := range r.Waits {
				if _, ok := CycleOf(v, n, w.Name); ok {
					got = append(got, n+" "+w.Name)
				}
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(stuck, got); diff != "" {
			t.Fatalf("seed %d: waits that never end (-carried out +found):\n%s\nplans: %s", seed, diff, text(plans))
		}
		if (len(stuck) > 0) != (len(cycles(v)) > 0) {
			t.Fatalf("seed %d: %d waits never end, but %d cycles are found", seed, len(stuck), len(cycles(v)))
		}
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func randomPlans(rnd *rand.Rand) map[string]*record.Run {
	plans := map[string]*record.Run{}
	count := 2 + rnd.IntN(4)
	for i := range count {
		r := &record.Run{ID: "r"}
		waits := rnd.IntN(3)
		some := func(below int) (out []string) {
			for j := range below {
				if rnd.IntN(3) == 0 {
					out = append(out, fmt.Sprint("w", j))
				}
			}
			return out
		}
		for j := range waits {
			w := record.Wait{Name: fmt.Sprint("w", j), Fact: fmt.Sprint("f", rnd.IntN(3)), Behind: some(j)}
			if rnd.IntN(3) == 0 {
				w.Group = "all"
			} else {
				w.Nodes = []string{fmt.Sprint("n", rnd.IntN(count))}
			}
			r.Waits = append(r.Waits, w)
		}
		for f := range 3 {
			r.Exports = append(r.Exports, record.Export{Fact: fmt.Sprint("f", f), Behind: some(waits)})
		}
		plans[fmt.Sprint("n", i)] = r
	}
	return plans
}

// carryOut ends waits and makes exports until nothing moves, and returns the waits that are not over.
func carryOut(plans map[string]*record.Run) (stuck []string) {
	over, exported := map[string]bool{}, map[string]bool{}
	allOver := func(n string, waits []string) bool {
		return !slices.ContainsFunc(waits, func(w string) bool { return !over[n+" "+w] })
	}
	for moved := true; moved; {
		moved = false
		for n, r := range plans {
			for _, e := range r.Exports {
				if k := n + " " + e.Fact; !exported[k] && allOver(n, e.Behind) {
					exported[k], moved = true, true
				}
			}
			for _, w := range r.Waits {
				nodes := w.Nodes
				if w.Group != "" {
					nodes = slices.Collect(maps.Keys(plans))
				}
				there := !slices.ContainsFunc(nodes, func(of string) bool { return !exported[of+" "+w.Fact] })
				if k := n + " " + w.Name; !over[k] && there && allOver(n, w.Behind) {
					over[k], moved = true, true
				}
			}
		}
	}
	for n, r := range plans {
		for _, w := range r.Waits {
			if !over[n+" "+w.Name] {
				stuck = append(stuck, n+" "+w.Name)
			}
		}
	}
	slices.Sort(stuck)
	return stuck
}

func TestCheckOfACompleteFleet(t *testing.T) {
	v := view.New("d")
	v.SetNode("a", &record.Node{Groups: []string{"g"}})
	v.SetRun("a", &record.Run{
		Exports: []record.Export{{Fact: "x"}},
		Waits: []record.Wait{
			{Name: "few", Fact: "x", Group: "g", Min: 2}, {Name: "absent", Fact: "x", Nodes: []string{"b"}},
			{Name: "unknown", Fact: "y", Nodes: []string{"a"}}, {Name: "fine", Fact: "x", Group: "g"},
		},
	}, 1)
	names := func(ps []Problem) (out []string) {
		for _, p := range ps {
			out = append(out, p.Wait)
		}
		return out
	}
	if diff := cmp.Diff([]string{"few", "absent", "unknown"}, names(Check(v, func(string) bool { return true }))); diff != "" {
		t.Errorf("complete (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"unknown"}, names(Check(v, nil))); diff != "" {
		t.Errorf("incomplete (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"few", "unknown"}, names(Check(v, func(node string) bool { return node != "b" }))); diff != "" {
		t.Errorf("one may still come (-want +got):\n%s", diff)
	}
}
