package monkey

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-cmp/cmp"
)

// order is what graph --format json prints.
type order struct {
	Nodes []struct{ Address string }
	Edges []struct {
		From, To int
		Notify   bool
	}
}

func (t *trial) graph(file string) (order, *run) {
	r := t.ok(t.apply("graph", "--format", "json", file), 0)
	var o order
	t.must(json.Unmarshal([]byte(r.stdout), &o))
	return o, r
}

// forms has the manifest mean the same in JSON and in its canonical form, and be drawn in all ways.
func (t *trial) forms() {
	t.fresh()
	want, r := t.graph("main.hcl")
	plan := t.plan()
	native := t.main
	defer func() { t.main = native }()

	folder := filepath.Join(t.dir, "json")
	name, err := t.write(t.tree, folder, ".hcl.json")
	t.must(err)
	t.alike("JSON", name, want, plan)

	folder = filepath.Join(t.dir, "canonical")
	name, err = t.write(t.tree, folder, ".hcl")
	t.must(err)
	t.ok(t.apply("fmt", folder), 0)
	t.ok(t.apply("fmt", "--check", folder), 0)
	t.alike("the canonical form", name, want, plan)

	for format, begins := range map[string]string{"dot": "digraph", "mermaid": "", "svg": "<svg"} {
		g := t.ok(t.apply("graph", "--format", format, name), 0)
		if !strings.HasPrefix(g.stdout, begins) || g.stderr != "" {
			t.fail("a graph is drawn", "%v", g)
		}
		if format != "svg" {
			continue
		}
		for dec := xml.NewDecoder(strings.NewReader(g.stdout)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.fail("a graph is drawn", "%v\n%v", err, g)
			}
		}
	}
	if len(want.Nodes) < len(plan.results) {
		t.fail("a graph has every resource", "%v\n%v", r, plan)
	}
}

// alike has another manifest mean the same.
func (t *trial) alike(form, name string, want order, plan *run) {
	t.main = name
	got, r := t.graph(name)
	if diff := cmp.Diff(want, got); diff != "" {
		t.fail("the same graph in "+form, "%s\n%v", diff, r)
	}
	other := t.plan()
	if diff := cmp.Diff(timeless(plan.results), timeless(other.results)); diff != "" {
		t.fail("the same plan in "+form, "%s\n%v\n%v", diff, plan, other)
	}
}

// timeless is results without where they are declared and how long they took.
func timeless(of map[string]result) map[string]result {
	out := map[string]result{}
	for a, r := range of {
		r.StartMS, r.DurationMS, r.Pos = 0, 0, ""
		if r.Error != nil {
			r.Error = &struct{ Summary, Detail, Pos string }{}
		}
		out[a] = r
	}
	return out
}

// subsets has --target and --tags do what is selected, and no more.
func (t *trial) subsets() {
	t.fresh()
	o, _ := t.graph("main.hcl")
	if len(o.Nodes) == 0 {
		return
	}
	target := t.pick(len(o.Nodes), "target")
	if o.Nodes[target].Address != "" {
		need := map[int]bool{target: true}
		for more := true; more; {
			more = false
			for _, e := range o.Edges {
				if need[e.To] && !need[e.From] {
					need[e.From], more = true, true
				}
			}
		}
		r := t.converge("--target", o.Nodes[target].Address)
		got := map[string]bool{}
		for a := range r.results {
			if i := t.find(a); i != nil && i.late {
				a = i.address()
			}
			got[a] = true
		}
		want := map[string]bool{}
		for n := range need {
			if a := o.Nodes[n].Address; a != "" {
				want[a] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.fail("--target is a resource with what it requires", "%s\n%v", diff, r)
		}
	}
	t.fresh()
	t.mayFail = true
	r := t.converge("--tags", "red")
	for a := range r.results {
		if i := t.find(a); i == nil || !t.tagged(i, "red") {
			t.fail("--tags are the resources with a tag", "%s\n%v", a, r)
		}
	}
	t.owing = true
	rest := t.converge("--skip-tags", "red")
	for _, i := range t.items {
		_, ok := rest.results[i.address()]
		if ok == t.tagged(i, "red") && !i.many {
			t.fail("--skip-tags are the resources without a tag", "%s\n%v", i.address(), rest)
		}
	}
}

// parallel has one report, and one tree, of one resource at a time and of many.
func (t *trial) parallel() {
	t.fresh()
	one := t.converge("--parallel", "1")
	want := t.look("")
	t.fresh()
	many := t.converge("--parallel", "8")
	if diff := cmp.Diff(timeless(one.results), timeless(many.results)); diff != "" && !t.several() {
		t.fail("the same report, however parallel", "%s\n%v\n%v", diff, one, many)
	}
	if !t.mayFail && !t.several() && !t.etc { // copies that the programs of accounts make are of what was there when their turn came
		t.same("the same tree, however parallel", want, t.look(""), one, many)
	}
}

// several: whether resources have a part in one file, and so a diff that hangs on who came first.
func (t *trial) several() bool { return t.has(func(i *item) bool { return i.shared != "" }) }

// savedPlans has a plan be run as it was saved, but for what has drifted.
func (t *trial) savedPlans() {
	t.fresh()
	file := filepath.Join(t.dir, "saved.plan")
	t.plan("--out", file)
	first := t.converge(file)
	tree := t.look("tree")
	t.fresh()
	direct := t.converge()
	if !t.mayFail {
		t.same("a saved plan does what the manifest says", t.look("tree"), tree, direct, first)
	}
	for a, res := range direct.results {
		if got := first.results[a].Outcome; got != res.Outcome && !t.mayFail {
			t.fail("a saved plan does what the manifest says", "%s: %s, and %s\n%v\n%v", a, res.Outcome, got, direct, first)
		}
	}
	t.plan("--out", file)
	d := t.drift()
	if d == nil {
		return
	}
	drifted := t.look("tree")
	t.mayFail = true
	refused := t.converge(file)
	t.same("a saved plan leaves what has drifted", drifted, t.look("tree"), refused)
	for a, res := range refused.results {
		i := t.find(a)
		hit := slices.ContainsFunc(i.writes, func(w string) bool {
			return w == d.path || strings.HasPrefix(w, d.path+"/") || strings.HasPrefix(d.path, w+"/")
		})
		if res.Outcome == "failed" && !hit && i.typ != "exec" && !t.mayFail {
			t.fail("a saved plan refuses nothing but what has drifted", "%v: %s\n%v", *d, a, refused)
		}
	}
}

// signals has a run be ended at some moments, and the next one bring all to where it would have been.
func (t *trial) signals() {
	t.fresh()
	before := t.look("tree")
	began := time.Now()
	whole := t.converge()
	took := time.Since(began)
	want, out := t.look("tree"), t.look("out")
	t.fresh()
	var ended []*run
	for n := range 1 + t.pick(3, "times") {
		sig := []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}[t.pick(3, "signal", n)]
		r := t.interrupted(sig, time.Duration(t.pick(1000, "moment", n))*took/1000, "--json", "main.hcl")
		t.ok(r, -1, 0, 4, 143)
		ended = append(ended, r)
		if r.code == 143 && r.summary != nil && r.summary.Interrupted != 15 {
			t.fail("a run that a signal ends says so", "%v", r)
		}
	}
	t.owing = true
	healed := t.converge()
	ended = append(ended, whole, healed)
	if t.mayFail {
		return
	}
	t.same("the run after a kill ends as an undisturbed one", want, t.look("tree"), ended...)
	t.same("no refresh is lost", out, t.look("out"), ended...)
	t.idle(t.converge(), healed)
	if left, _ := filepath.Glob(filepath.Join(t.dir, "*", ".apply.*")); len(left) > 0 {
		t.fail("nothing is left behind", "%s", left)
	}
	t.backAgain(before, ended)
}

// backAgain undoes all runs on record, those that were killed too, the last one first. How a killed run left what it was at may not be known, and is
// refused then.
func (t *trial) backAgain(before map[string]string, ended []*run) {
	h := t.ok(t.apply("history", "--json"), 0)
	ended = append(ended, h)
	for line := range strings.Lines(h.stdout) {
		var of struct{ Run string }
		t.must(json.Unmarshal([]byte(line), &of))
		u := t.ok(t.apply("undo", "--json", "--yes", of.Run), 0, 1)
		ended = append(ended, u)
		for _, s := range u.undo {
			if s.Verdict == "refused" && !strings.Contains(s.Reason, "died in the middle") && !strings.Contains(s.Reason, "belongs together") {
				t.fail("nothing that only apply has changed is refused as changed", "%v\n%v", s, ended)
			}
		}
		if slices.ContainsFunc(u.undo, func(s step) bool { return s.Verdict == "refused" }) {
			return
		}
	}
	t.same("undoing all runs, killed ones too, gives back what was", before, t.look("tree"), ended...)
}

// successor has another manifest find what the first has left: whatever stands where something else is declared, it does what it plans, and undos of
// both, the last one first, give back what was.
func (t *trial) successor() {
	t.fresh()
	empty := t.look("tree")
	one := t.converge()
	first := t.scene
	defer func() { t.scene = first }()
	for n := uint64(1); t.scene == first || t.etc != first.etc; n++ {
		t.scene = draw(t.seed + n<<40)
	}
	t.scene.seed, t.mayFail, t.owing = first.seed, true, true
	_, err := t.write(t.tree, filepath.Dir(t.main), ".hcl")
	t.must(err)
	plan := t.plan()
	before := t.look("tree")
	r := t.converge()
	t.asPlanned(plan, r)
	t.idle(t.converge(), r)
	if r.reversible() {
		t.undo(r, before)
	}
	if t.scene = first; one.reversible() {
		t.undo(one, empty)
	}
}

// orphans has what a manifest no longer declares be told, left alone, and removed by what is printed for that.
func (t *trial) orphans() {
	t.fresh()
	t.converge()
	whole := t.scene
	defer func() { t.scene = whole }()
	var gone []*item
	for _, i := range t.items {
		if t.pick(2, "gone", i.n) == 0 {
			gone = append(gone, i)
		}
	}
	t.scene = whole.without(gone)
	t.owing = true
	_, err := t.write(t.tree, filepath.Dir(t.main), ".hcl")
	t.must(err)
	plan := t.plan()
	told := map[string]bool{}
	for _, o := range plan.summary.Orphans {
		told[o.Address] = true
		if t.find(o.Address) != nil || whole.find(o.Address) == nil {
			t.fail("orphans are no longer declared", "%s\n%v", o.Address, plan)
		}
	}
	for _, i := range whole.items {
		purged := t.has(func(f *item) bool { return i.within(f, "purge") }) // and so told by the folder
		if i.brought() && !i.late && !i.idle && !told[i.address()] && t.find(i.address()) == nil && !t.mayFail && !purged {
			t.fail("what is no longer declared is told", "%s\n%v", i.address(), plan)
		}
	}
	// A folder with all that is in it now has what a resource that is gone had there, and what could not be done may be possible without it.
	inherits := func(f *item) bool {
		return slices.ContainsFunc(whole.items, func(i *item) bool { return t.find(i.address()) == nil && i.within(f, "recurse") })
	}
	if again := t.converge(); !t.mayFail && !t.has(inherits) {
		t.idle(again, plan)
	}
	var removal []byte
	for _, o := range plan.summary.Orphans {
		removal = append(removal, o.Removal...)
	}
	if len(removal) == 0 {
		return
	}
	file := filepath.Join(t.dir, "removal.hcl")
	t.must(os.WriteFile(file, removal, 0o600))
	t.ok(t.apply("fmt", "--check", file), 0)
	t.ok(t.apply("plan", "--json", file), 0, 4)
}
