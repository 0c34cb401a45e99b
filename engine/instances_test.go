package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// repeating makes a catalog in which d becomes the instances in made, which only the run knows: with the values of the first, a.
func repeating(t *testing.T, w *world, decl, edges, made string, fails error) *catalog.Catalog {
	t.Helper()
	entries := declare(t, w, decl)
	a := entries[0]
	a.Resource = &giver{*a.Resource.(*thing)}
	for _, d := range entries[1:] {
		if th, ok := d.Resource.(*thing); ok && d.Addr.Instance != "" && th.words["restarts"] {
			d.Resource = &service{*th}
		} else if d.Addr.Title[0] == 'd' && d.Addr.Instance == "" {
			d.Deferred = &catalog.Deferred{
				Needs: []resources.Address{a.Addr}, Blank: d.Resource, Preview: []resources.Change{{Attr: "for_each", To: "(known after t.a)"}}, Repeated: true,
				Bind: func(context.Context, catalog.Values) ([]*catalog.Entry, error) {
					out := declare(t, w, made)
					for _, e := range out {
						if th := e.Resource.(*thing); th.words["restarts"] {
							e.Resource = &service{*th}
						}
					}
					return out, fails
				},
			}
			d.Resource = nil
		}
	}
	return newCatalog(t, entries, relate(edges))
}

// TestInstances: who names one instance of a block that only the run repeats has to do with that instance only.
func TestInstances(t *testing.T) {
	owes := func(target string, sources ...string) map[string][]resources.Address {
		out := map[string][]resources.Address{}
		for _, s := range sources {
			out[target] = append(out[target], address(s))
		}
		return out
	}
	for _, tc := range []struct {
		name, decl, edges, made, want string
		log                           []string
		owed                          map[string][]resources.Address
		plan                          bool
		fails                         error
		target                        string
		left                          []resources.Address // owed to d.x still
	}{
		{name: "what needs one that fails is skipped, what needs another is not", decl: "a:there d b c", edges: "d.x>b d.y>c", made: "d.x:fails d.y",
			want: "a=unchanged d.x=failed d.y=changed b=skipped(t.d[\"x\"]) c=changed",
			log:  []string{"begin d.x owes []", "begin d.y owes []", "begin c owes []"}},
		{name: "what needs all is skipped", decl: "a:there d b", edges: "d>b", made: "d.x:fails d.y", want: "a=unchanged d.x=failed d.y=changed b=skipped(t.d[\"x\"])",
			log: []string{"begin d.x owes []", "begin d.y owes []"}},
		{name: "what one comes after has failed: it alone is skipped", decl: "a:there b:fails d c e", edges: "b>d.x d.x>c d.y>e", made: "d.x d.y",
			want: "a=unchanged b=failed d.x=skipped(t.b) d.y=changed c=skipped(t.b) e=changed", log: []string{"begin b owes []", "begin d.y owes []", "begin e owes []"}},
		{name: "what needs all is skipped for what one of them was skipped for", decl: "a:there b:fails d c", edges: "b>d.x d>c", made: "d.x d.y",
			want: "a=unchanged b=failed d.x=skipped(t.b) d.y=changed c=skipped(t.b)", log: []string{"begin b owes []", "begin d.y owes []"}},
		{name: "a change of one notifies whom it concerns", decl: "a:there d s1:there s2:there s:there", edges: "d.x~s1 d.y~s2 d~s", made: "d.x d.y:there",
			want: `a=unchanged d.x=changed d.y=unchanged s1=refreshed/t.d["x"] s2=unchanged s=refreshed/t.d["x"]`,
			log:  []string{`begin d.x owes [t.s1 t.s]`, "begin s owes []", "settled s", "begin s1 owes []", "settled s1"}},
		{name: "a change that notifies one refreshes it alone", decl: "a:there b d", edges: "b~d.x", made: "d.x:there,restarts d.y:there,restarts",
			want: `a=unchanged b=changed d.x=refreshed/t.b d.y=unchanged`, log: []string{`begin b owes [t.d["x"]]`, "begin d.x owes []", "settled d.x"}},
		{name: "one that notifies all", decl: "a:there b d", edges: "b~d", made: "d.x:there,restarts d.y:there,restarts", want: `a=unchanged b=changed d.x=refreshed/t.b d.y=refreshed/t.b`,
			log: []string{`begin b owes [t.d]`, "begin d.x owes []", "settled d.x", "begin d.y owes []", "settled d.y"}},
		{name: "from one instance to another", decl: "a:there b d s", edges: "b~d.x d.y~s d.x~s d~s", made: "d.x:restarts d.y", want: `a=unchanged b=changed d.x=changed/t.b d.y=changed s=changed/t.d["x"],t.d["y"]`,
			log: []string{`begin b owes [t.d["x"]]`, "begin d.x owes [t.s]", "settled d.x", "begin d.y owes [t.s]", "begin s owes []", "settled s"}},
		{name: "what an earlier run owes to one", decl: "a:there d", made: "d.x:there,restarts d.y:there,restarts", owed: owes("d.y", "b"), want: `a=unchanged d.x=unchanged d.y=refreshed/t.b`,
			log: []string{"begin d.y owes []", "settled d.y"}},
		{name: "what an earlier run owes to all", decl: "a:there d", made: "d.x:there,restarts d.y:there,restarts", owed: owes("d", "b"), want: `a=unchanged d.x=refreshed/t.b d.y=refreshed/t.b`,
			log: []string{"begin d.x owes []", "settled d.x", "begin d.y owes []", "settled d.y"}},
		{name: "a plan that knows them says the same", plan: true, decl: "a:there b:fails d c e s", edges: "b>d.x d.x>c d.y>e d.y~s", made: "d.x d.y",
			want: `a=unchanged b=pending d.x=pending d.y=pending c=pending e=pending s=pending/t.d["y"]`},
		{name: "a plan knows of what is owed to all", plan: true, decl: "a:there d", made: "d.x:there,restarts d.y:there,restarts", owed: owes("d", "b"),
			want: `a=unchanged d.x=pending/t.b d.y=pending/t.b`},
		{name: "a plan in which what one comes after fails", plan: true, decl: "a:there b:badcheck d c e", edges: "b>d.x d.x>c d.y>e", made: "d.x d.y",
			want: `a=unchanged b=failed d.x=skipped(t.b) d.y=pending c=skipped(t.b) e=pending`},
		{name: "and in which they are not known", plan: true, decl: "a b:badcheck d c e", edges: "b>d.x d.x>c d.y>e", made: "d.x d.y",
			want: `a=pending b=failed d=pending c=skipped(t.b) e=pending`},
		{name: "a plan names the one that it does not know", plan: true, decl: "a d s:there", edges: "d.y~s", made: "d.x d.y", want: `a=pending d=pending s=pending/t.d["y"]`},
		{name: "a target with what it requires, of which the rest is left out", decl: "a:there d b c e", edges: "b>d.x c>d.y d.x>e", made: "d.x d.y", target: "d.x",
			want: "a=unchanged d.x=changed b=changed", log: []string{"begin b owes []", "begin d.x owes []"}},
		{name: "a target that requires one", decl: "a:there d b c e", edges: "b>d.x c>d.y d.x>e", made: "d.x d.y", target: "e",
			want: "a=unchanged d.x=changed b=changed e=changed", log: []string{"begin b owes []", "begin d.x owes []", "begin e owes []"}},
		{name: "a target that is not made", decl: "a:there d", made: "d.x d.y", target: "d.z", want: "a=unchanged d=failed"},
		{name: "what is owed to all is not lost by a target", decl: "a:there d", made: "d.x:there,restarts d.y:there,restarts", target: "d.y", owed: owes("d", "b"),
			want: "a=unchanged d.y=refreshed/t.b", log: []string{"begin d.y owes []", "settled d.y"}, left: owes("", "b")[""]},
		{name: "what is owed to all of what is written out by now", decl: "a:there d.x:there,restarts d.y:there,restarts", owed: owes("d", "b"),
			want: "a=unchanged d.x=refreshed/t.b d.y=refreshed/t.b", log: []string{"begin d.x owes []", "settled d.x", "begin d.y owes []", "settled d.y"}},
		{name: "and is not lost by a target", decl: "a:there d.x:there,restarts d.y:there,restarts", target: "d.y", owed: owes("d", "b"),
			want: "d.y=refreshed/t.b", log: []string{"begin d.y owes []", "settled d.y"}, left: owes("", "b")[""]},
		{name: "one that is off is there all the same", decl: "a:there d b", edges: "d.x>b", made: "d.x:off d.y", target: "b", want: "a=unchanged d.x=unchanged b=changed",
			log: []string{"begin b owes []"}},
		{name: "what was found of one is not what another differs in", decl: "a:there d", made: "d.x:there d.y d.z", want: "a=unchanged d.x=unchanged d.y=changed d.z=changed",
			log: []string{"begin d.y owes []", "begin d.z owes []"}},
		{name: "it cannot be made", decl: "a:there d b", edges: "d.x>b", fails: errors.New("no such key"), want: `a=unchanged d=failed b=skipped(t.d)`},
		{name: "there is none such", decl: "a:there d b s:there", edges: "d.z>b d.z~s", made: "d.x:fails d.y", want: `a=unchanged d.x=failed d.y=changed b=changed s=unchanged`,
			log: []string{"begin d.x owes []", "begin d.y owes []", "begin b owes []"}},
	} {
		ways(t, tc.name, func(t *testing.T, w *world) {
			keep := &keeper{owed: map[string][]resources.Address{}}
			for k, v := range tc.owed {
				keep.owed[k] = v
			}
			o := Options{Recorder: keep}
			if tc.target != "" {
				o.Targets = []resources.Address{address(tc.target)}
			}
			c := repeating(t, w, tc.decl, tc.edges, tc.made, tc.fails)
			rep := reported(t, c, o, tc.plan)
			var got []string
			for i, o := range strings.Fields(outcomes(rep)) {
				if by := rep.Results[i].NotifiedBy; len(by) > 0 {
					o += "/" + strings.Join(by, ",")
				}
				got = append(got, o)
			}
			if diff := cmp.Diff([]string{tc.want}, []string{strings.Join(got, " ")}); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.log, keep.log); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.left, keep.owed["d.x"]); diff != "" && !strings.Contains(tc.want, "d.x") {
				t.Error(diff)
			}
			if !strings.Contains(tc.want, "failed") && len(rep.Surprises) > 0 {
				t.Errorf("not as planned: %v", fmt.Sprint(rep.Surprises))
			}
		})
	}
}

// TestInstancesAreAsIfTheyWereKnown: what a block that only the run repeats becomes ends as the same resources do of which was known before that they are
// there, and so does all that is beside them: in whatever relations, with targets, and with what earlier runs owe.
func TestInstancesAreAsIfTheyWereKnown(t *testing.T) {
	kinds := []string{"there", "there", "fails", "badcheck", "unless=true", "onlyif=false", "off", "noop", "stopped", "sick"}
	for seed := range uint64(600) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		words := func() string { return ":" + kinds[rnd.IntN(len(kinds))] + strings.Repeat(",restarts", rnd.IntN(2)) }
		given := "a" + []string{"", ":there"}[rnd.IntN(2)]
		names := []string{"d.x", "d.y", "b", "s1", "c", "s2", "e"}
		var before, after, made []string
		for i, name := range names {
			switch decl := name + words(); {
			case i < 2:
				made = append(made, decl)
			case i < 4:
				before = append(before, decl)
			default:
				after = append(after, decl)
			}
		}
		var edges []string
		for range 2 + rnd.IntN(8) {
			from, to := append(names[:2:2], "d")[rnd.IntN(3)], names[4+rnd.IntN(3)]
			if rnd.IntN(2) == 0 {
				from, to = names[2+rnd.IntN(2)], from
			}
			edges = append(edges, from+string(">~"[rnd.IntN(2)])+to)
		}
		var o Options
		if rnd.IntN(3) == 0 {
			o.Targets = []resources.Address{address(append(names, "d")[rnd.IntN(8)])}
		}
		late := func(w *world) *catalog.Catalog {
			return repeating(t, w, strings.Join(append(append([]string{given}, before...), append([]string{"d"}, after...)...), " "), strings.Join(edges, " "), strings.Join(made, " "), nil)
		}
		known := func(w *world) *catalog.Catalog {
			entries := declare(t, w, strings.Join(append(append([]string{given}, before...), append(made, after...)...), " "))
			for _, e := range entries {
				if th, ok := e.Resource.(*thing); ok && th.words["restarts"] && strings.HasPrefix(th.name, "d.") {
					e.Resource = &service{*th}
				}
			}
			return newCatalog(t, entries, relate(strings.Join(edges, " ")+" a>d"))
		}
		owed := map[string][]resources.Address{append(names, "d")[rnd.IntN(len(names)+1)]: {address("b")}}
		ended := func(c *catalog.Catalog, w *world) map[string]string {
			o.Recorder = &keeper{owed: maps.Clone(owed)}
			rep, err := Converge(t.Context(), node{}, c, o)
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]string{}
			for _, res := range rep.Results {
				out[nameOf(res.Address)] = fmt.Sprint(res.Outcome, res.NotifiedBy, of(w.log, nameOf(res.Address)))
			}
			return out
		}
		w, w2 := &world{}, &world{}
		want, got := ended(known(w), w), ended(late(w2), w2)
		if whole, ok := got["d"]; ok { // it never came to its instances
			delete(got, "d")
			for _, name := range names[:2] {
				if _, chosen := want[name]; chosen {
					got[name] = whole
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: %s %v %v %v, targets %v, owed %v; want what was known -, got +:\n%s", seed, given, before, made, after, o.Targets, owed, fmt.Sprint(edges)+diff)
		}
	}
}
