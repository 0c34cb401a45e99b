package monkey

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// promises are what is held against the program, each from a state of its own.
var promises = []struct {
	name string
	hold func(t *trial)
}{
	{"course", (*trial).course},
	{"undo", (*trial).undoFirst},
	{"forms", (*trial).forms},
	{"subsets", (*trial).subsets},
	{"parallel", (*trial).parallel},
	{"saved plans", (*trial).savedPlans},
	{"signals", (*trial).signals},
	{"successor", (*trial).successor},
	{"orphans", (*trial).orphans},
	{"life", (*trial).life},
}

// course is what a node goes through: plan, converge, nothing to do, drift, repair, undo, repair.
func (t *trial) course() {
	t.fresh()
	t.ok(t.apply("validate", "main.hcl"), 0)
	plan := t.plan()
	first := t.converge()
	t.asPlanned(plan, first)
	t.idle(t.converge(), first)
	t.ok(t.apply("plan", "main.hcl"), 0, 4)

	left := t.look("tree")
	d := t.drift()
	drifted := t.look("tree")
	plan = t.plan()
	if d != nil {
		t.drifted(plan, *d)
	}
	repair := t.converge()
	t.asPlanned(plan, repair)
	if d == nil || d.how == "content" || d.how == "other link" || d.how == "appearance" {
		t.same("a repair brings back what was", t.lessShared(left), t.lessShared(t.look("tree")), repair)
	}
	t.idle(t.converge(), repair)
	if repair.reversible() {
		repaired := t.look("tree")
		t.undo(repair, drifted)
		again := t.converge()
		if !t.mayFail {
			t.same("a run after an undo repairs again", repaired, t.look("tree"), again)
		}
	}
	t.inspect()
}

// lessShared leaves files out that are managed in part: what else was in them is nobody's to bring back.
func (t *trial) lessShared(listing map[string]string) map[string]string {
	listing = maps.Clone(listing)
	for _, i := range t.items {
		delete(listing, i.shared)
		for _, w := range i.writes {
			if strings.HasSuffix(w, ".bak") {
				delete(listing, w)
			}
		}
	}
	return listing
}

// asPlanned has a run do what its plan said, at least where that was sure.
func (t *trial) asPlanned(plan, r *run) {
	for address, p := range plan.results {
		got, ok := r.results[address]
		want := p.Outcome
		switch {
		case !ok && t.find(address) != nil && t.find(address).late:
			continue
		case !ok:
			t.fail("a run has the results of its plan", "%s\n%v\n%v", address, plan, r)
		case want == "pending" && p.Noop:
		case want == "pending" && len(p.Changes) == 0 && p.Refreshed:
			want = "refreshed"
		case want == "pending":
			want = "changed"
		}
		item := t.find(address)
		if item == nil || got.Outcome == want || t.mayFail && (got.Outcome == "failed" || got.Outcome == "skipped") {
			if got.Outcome == want && p.Certainty == "exact" && !cmp.Equal(p.Changes, got.Changes) {
				t.fail("what is certain comes as planned", "%s\n%v\n%v", cmp.Diff(p.Changes, got.Changes), plan, r)
			}
			continue
		}
		if p.Certainty == "exact" || p.Certainty != "known late" && item.typ != "exec" && !t.mayFail {
			t.fail("what is certain comes as planned", "%s: %s (%s), came %s\n%v\n%v", address, p.Outcome, p.Certainty, got.Outcome, plan, r)
		}
	}
	for _, s := range r.summary.Surprises {
		if i := t.find(s.Address); !t.mayFail && (i == nil || i.typ != "exec") {
			t.fail("fidelity is whole", "%v\n%v", plan, r)
		}
	}
}

// idle has a run after another do nothing but what runs every time.
func (t *trial) idle(r, before *run) {
	for address, res := range r.results {
		i := t.find(address)
		switch {
		case i == nil:
			t.fail("every result is of a resource", "%s\n%v", address, r)
		case i.always || res.Noop || res.Outcome == "unchanged" || res.Outcome == "refreshed" && len(res.NotifiedBy) > 0:
		case (res.Outcome == "failed" || res.Outcome == "skipped") && t.mayFail:
		default:
			t.fail("a second run changes nothing", "%s: %s\n%v\n%v", address, res.Outcome, before, r)
		}
	}
}

// drift does something to what one of the resources manages, and says what.
func (t *trial) drift() *drift {
	var best *item
	for _, i := range t.items {
		if len(i.drifts) == 0 || i.idle || i.late || t.mayFail {
			continue
		}
		if best == nil || t.pick(1<<20, "drift", i.n) < t.pick(1<<20, "drift", best.n) {
			best = i
		}
	}
	if best == nil {
		return nil
	}
	d := best.drifts[t.pick(len(best.drifts), "how")]
	if _, err := os.Lstat(t.tree + "/tree/" + d.path); err != nil && d.how != "appearance" {
		return nil // a mode, of nothing
	}
	t.must(d.do(t.tree + "/tree"))
	t.log = append(t.log, d.String()+" by hand")
	return &d
}

// drifted has a plan name what has drifted, and nothing else.
func (t *trial) drifted(plan *run, d drift) {
	named := false
	for address, res := range plan.results {
		i := t.find(address)
		concerned := slices.ContainsFunc(i.writes, func(w string) bool {
			return w == d.path || strings.HasPrefix(w, d.path+"/") || strings.HasPrefix(d.path, w+"/")
		}) && !i.idle
		if concerned && res.Drift {
			named = true
		}
		switch {
		case res.Drift && res.Outcome != "pending":
			t.fail("a plan names the drift", "%s is %s, and drifted\n%v", address, res.Outcome, plan)
		case res.Drift && !concerned && i.typ != "exec": // a command may be wanted by what it reads
			t.fail("a plan names nothing but the drift", "%v: %s\n%v", d, address, plan)
		case res.Outcome == "pending" && !concerned && i.typ != "exec" && !i.late && !res.Noop:
			t.fail("a plan names nothing but the drift", "%v: %s\n%v", d, address, plan)
		}
	}
	if !named {
		t.fail("a plan names the drift", "%v\n%v", d, plan)
	}
}

// reversible: whether the run changed something that an undo can put back.
func (r *run) reversible() bool {
	for _, res := range r.results {
		if res.Outcome == "changed" && res.Reversible {
			return true
		}
	}
	return false
}

// undo has a run be undone, listed first, and the tree be as it was before that run.
func (t *trial) undo(of *run, before map[string]string) {
	now := t.exact()
	list := t.ok(t.apply("undo", "--list", "--json", of.id), 0)
	t.same("a list of an undo touches nothing", now, t.exact(), list)
	done := t.ok(t.apply("undo", "--json", of.id), 0)
	if diff := cmp.Diff(list.undo, done.undo); diff != "" {
		t.fail("an undo does what it lists", "%s\n%v\n%v", diff, list, done)
	}
	for _, step := range list.undo {
		if i := t.find(step.Address); step.Verdict == "refused" || step.Verdict == "irreversible" && (i == nil || i.typ != "exec") {
			t.fail("an undo refuses nothing that has not changed since", "%v\n%v", of, list)
		}
	}
	t.same("an undo gives back what was", before, t.look("tree"), of, done)
}

// undoFirst undoes the first run, and that undo.
func (t *trial) undoFirst() {
	t.fresh()
	before := t.look("tree")
	first := t.converge()
	if !first.reversible() {
		return
	}
	after := t.look("tree")
	t.undo(first, before)
	if t.mayFail {
		return
	}
	again := t.converge()
	t.same("a run after an undo does the same again", after, t.look("tree"), first, again)
}

// inspect has the present state as a manifest whose plan is empty.
func (t *trial) inspect() {
	args := []string{"inspect"}
	for _, i := range t.items {
		if i.typ == "file" && !i.many && !i.late && !i.secret {
			args = append(args, "file["+hclValue(t.tree+"/tree/"+i.writes[0])+"]")
		}
	}
	if len(args) == 1 {
		return
	}
	for _, form := range []string{"inspected.hcl", "inspected.hcl.json"} {
		if strings.HasSuffix(form, "json") {
			args = append(args, "--json")
		}
		r := t.ok(t.apply(args...), 0)
		t.must(os.WriteFile(t.dir+"/"+form, []byte(r.stdout), 0o600))
		plan := t.ok(t.apply("plan", "--json", t.dir+"/"+form), 0)
		for _, res := range plan.results {
			if res.Outcome != "unchanged" {
				t.fail("what inspect prints has an empty plan", "%v\n%v", r, plan)
			}
		}
	}
}
