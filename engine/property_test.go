package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// ledger is a recorder that writes to the log of the world.
type ledger struct{ *drawn }

func (l ledger) Owed(a resources.Address) (out []resources.Address) {
	for _, v := range l.c.Find(a) {
		for _, u := range l.owed[v] {
			out = append(out, l.c.Entries()[u].Addr)
		}
	}
	return out
}

func (l ledger) Begin(_ context.Context, a resources.Address, _ resources.Diff, owes []resources.Address, _ json.RawMessage) error {
	var names []string
	for _, o := range owes {
		names = append(names, o.Title)
	}
	slices.Sort(names)
	l.w.did("begin %s owes %v", a.Title, names)
	return nil
}

func (l ledger) Settled(_ context.Context, a resources.Address) error {
	l.w.did("settled %s", a.Title)
	return nil
}

func (ledger) Divided(context.Context, resources.Address, []resources.Address) error { return nil }
func (ledger) Op(context.Context, resources.Address, host.View, host.Op) error       { return nil }
func (ledger) Ended(context.Context, resources.Address, host.View, ...resources.Address) error {
	return nil
}

// TestRandomCatalogs runs catalogs at random, several resources at a time, with targets, tags, fail-fast and interrupts: outcomes, what is done for each
// resource and what is recorded of it must be as they are one after the other; and whatever is done for one comes after all that is done for those before it.
func TestRandomCatalogs(t *testing.T) {
	for seed := range uint64(1500) {
		d := draw(t, seed)
		stop := make(chan struct{})
		d.o.Stop = stop
		var mu sync.Mutex
		var trace []string
		d.w.on = func(what string) {
			mu.Lock()
			defer mu.Unlock()
			trace = append(trace, what)
			if what == "apply "+d.halt {
				close(stop)
			}
		}
		ends := d.ends()
		rep, err := Converge(t.Context(), node{}, d.c, d.o)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for v, e := range d.c.Entries() {
			e2, ok := ends[v]
			if unwanted := !ok || d.is(v, "off") || d.is(v, "unless=true"); unwanted && slices.Contains(trace, "check "+e.Addr.Title) {
				t.Errorf("seed %d: %s\n%s is not wanted, and looked at", seed, d, e.Addr)
			}
			if ok {
				want = append(want, fmt.Sprintf("%s %s %s %v %v", e.Addr.Title, e2.outcome, e2.because, e2.by, e2.did))
			}
		}
		for _, res := range rep.Results {
			got = append(got, fmt.Sprintf("%s %s %s %v %v", res.Address.Title, res.Outcome, res.Because, res.NotifiedBy, of(d.w.log, res.Address.Title)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: %s\n%s", seed, d, diff)
		}
		if rep.AsPlanned+len(rep.Surprises) != len(rep.Results) {
			t.Errorf("seed %d: %s\n%d as planned and %d surprises of %d", seed, d, rep.AsPlanned, len(rep.Surprises), len(rep.Results))
		}
		for _, s := range rep.Surprises {
			if s.Outcome != report.Failed && s.Outcome != report.Skipped {
				t.Errorf("seed %d: %s\n%s was to be %s and is %s", seed, d, s.Address, s.Planned, s.Outcome)
			}
		}
		for _, wrong := range d.misplaced(trace) {
			t.Errorf("seed %d: %s\n%s: %v", seed, d, wrong, trace)
		}
		if t.Failed() {
			return
		}
	}
}

// of is what is said in log of a resource.
func of(log []string, name string) []string {
	var out []string
	for _, l := range log {
		if strings.Fields(l)[1] == name {
			out = append(out, l)
		}
	}
	return out
}

// misplaced says what in a trace is done too early: before what comes before it, or without a look at what that left; and what is not looked at again.
func (d *drawn) misplaced(trace []string) (wrong []string) {
	place := func(v int, first bool, verbs ...string) int {
		at := -1
		for i, l := range trace {
			if f := strings.Fields(l); f[1] == d.c.Entries()[v].Addr.Title && slices.Contains(verbs, f[0]) && (at < 0 || !first) {
				at = i
			}
		}
		return at
	}
	for v, pred := range d.pred {
		applied := place(v, true, "apply")
		if applied >= 0 && !d.is(v, "fails") && place(v, false, "check") < applied {
			wrong = append(wrong, fmt.Sprintf("%d is not checked again", v))
		}
		for u := range pred {
			ended, began := place(u, false, "begin", "apply", "refresh", "settled", "skip"), place(v, true, "begin", "apply", "refresh", "settled", "skip")
			if began >= 0 && began < ended {
				wrong = append(wrong, fmt.Sprintf("%d comes before %d", v, u))
			}
			looked := slices.Index(trace[max(ended, 0):], "check "+d.c.Entries()[v].Addr.Title) + max(ended, 0)
			if applied >= 0 && (looked < ended || looked > applied) {
				wrong = append(wrong, fmt.Sprintf("%d is applied without a look at what %d left", v, u))
			}
		}
	}
	return wrong
}

// TestLimitsOnRandomCatalogs: whatever is changed inside a limit is changed while the node holds its place, which it keeps until all that hangs together
// has ended, takes once at a time and gives back.
func TestLimitsOnRandomCatalogs(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		decl, inside := []string{"La", "Lb"}, []string{"La=", "Lb="}
		n := 2 + rnd.IntN(7)
		for v := range n {
			decl = append(decl, fmt.Sprintf("%c%d:%s", "aas"[rnd.IntN(3)], v, []string{"there", "fails", "", ""}[rnd.IntN(4)]))
			for l := range inside {
				if rnd.IntN(3) == 0 {
					inside[l] += "," + strings.Split(decl[v+2], ":")[0]
				}
			}
		}
		var edges, in []string
		for range rnd.IntN(2 * n) {
			if i, j := rnd.IntN(n), rnd.IntN(n); i < j {
				edges = append(edges, strings.Split(decl[i+2], ":")[0]+string(">~"[rnd.IntN(2)])+strings.Split(decl[j+2], ":")[0])
			}
		}
		for _, i := range inside {
			if l, members, _ := strings.Cut(i, "=,"); members != "" {
				in = append(in, l+"="+members)
			}
		}
		w := &world{}
		entries, rels := declareLimits(t, w, strings.Join(decl, " "), strings.Join(edges, " "), strings.Join(in, " "))
		c, problems := catalog.New(entries, rels, func(resources.Address) bool { return false })
		if problems != nil {
			continue // nodes could wait for each other
		}
		rep, err := Converge(t.Context(), shell{w: w}, c, Options{Parallel: 1 + rnd.IntN(3)})
		if err != nil {
			t.Fatal(err)
		}
		if wrong := misheld(c, w.log); wrong != "" {
			t.Fatalf("seed %d: %s\n%v %v inside %v: %s\n%v", seed, wrong, decl, edges, in, outcomes(rep), w.log)
		}
	}
}

// misheld says what in a log is done without a place that it needs, or how places are taken and given back wrongly; "" nothing.
func misheld(c *catalog.Catalog, log []string) string {
	held := map[string]bool{}
	within := map[*catalog.Section]bool{} // a member was changed since the place was taken
	left := map[*catalog.Section]bool{}   // and it was given back
	for _, l := range log {
		verb, name, _ := strings.Cut(l, " ")
		name, _, _ = strings.Cut(name, " ")
		switch verb {
		case "enter", "leave":
			if held[name] == (verb == "enter") {
				return l + ": twice"
			}
			held[name] = verb == "enter"
			for s := range within {
				if s.Name == name && !held[name] {
					left[s] = true
				}
			}
			continue
		}
		for v, e := range c.Entries() {
			if e.Addr.Title != name {
				continue
			}
			for _, s := range c.Sections(v) {
				switch {
				case !held[s.Name]:
					return l + ": without a place in " + s.Name
				case left[s]:
					return l + ": the place in " + s.Name + " was given back in between"
				}
				within[s] = true
			}
		}
	}
	for name, still := range held {
		if still {
			return name + " is not left"
		}
	}
	return ""
}
