package monkey

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// life is what a node goes through in an order of chance: runs, kills, undos, parts of the manifest, other revisions of it. In the end it is as if there had
// been one run.
func (t *trial) life() {
	t.fresh()
	began := time.Now()
	whole := t.converge()
	took := time.Since(began)
	want, out := t.look("tree"), t.look("out")
	t.fresh()
	l := &lived{trial: t, scene: t.scene, took: took, runs: []*run{whole}}
	defer func() { t.scene = l.scene }()
	for n := range 3 + t.pick(8, "length") {
		l.act(n)
	}
	l.revise(l.scene)
	t.owing, t.mayFail = true, t.has(func(i *item) bool { return i.fails })
	last := t.converge()
	t.unswept = false
	t.idle(t.converge(), last)
	if t.mayFail {
		return
	}
	l.runs = append(l.runs, last)
	t.same("a life ends as one run", t.lessLed(want), t.lessLed(t.look("tree")), l.runs...)
	t.same("no refresh is lost in a life", out, t.look("out"), l.runs...)
}

// lessLed leaves out what a link may have led elsewhere: it stays when a folder takes the link's place.
func (t *trial) lessLed(listing map[string]string) map[string]string {
	listing = maps.Clone(listing)
	for _, i := range t.items {
		for _, led := range i.led {
			maps.DeleteFunc(listing, func(name, _ string) bool { return name == led || strings.HasPrefix(name, led+"/") })
		}
	}
	return listing
}

// lived is a life so far.
type lived struct {
	*trial
	scene *scene
	took  time.Duration     // of a run
	back  map[string]string // where an undo leads, nil if that is not known
	runs  []*run
}

// note keeps what was done for who looks for a mistake in it.
func (l *lived) note(r *run) *run {
	l.runs = append(l.runs, r)
	l.unswept = l.unswept && r.summary == nil
	return r
}

func (l *lived) act(n int) {
	before := l.look("tree")
	switch l.pick(8, "act", n) {
	case 0, 1:
		plan := l.plan()
		r := l.note(l.converge())
		l.asPlanned(plan, r)
		l.changed(r, before)
	case 2:
		l.mayFail = true // what a command reads may be missing
		l.changed(l.note(l.converge("--skip-tags", "red")), before)
	case 3:
		l.killed(n, "--json", "main.hcl")
	case 4:
		l.killed(n, "undo", "--yes")
	case 5, 6:
		l.undoLast(before)
	case 7:
		var gone []*item
		for _, i := range l.scene.items {
			if l.pick(3, "gone", n, i.n) == 0 {
				gone = append(gone, i)
			}
		}
		l.revise(l.scene.without(gone))
		l.mayFail = true // a folder may be missing
		return
	}
	l.owing = true
}

// changed notes where an undo of a run would lead.
func (l *lived) changed(r *run, before map[string]string) {
	switch {
	case r.reversible():
		l.back = before
	case r.summary.Changed+r.summary.Refreshed+r.summary.Failed > 0:
		l.back = nil
	}
}

// killed ends a command at some moment.
func (l *lived) killed(n int, args ...string) {
	sig := []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}[l.pick(3, "signal", n)]
	r := l.note(l.interrupted(sig, time.Duration(l.pick(1000, "moment", n))*l.took/1000, args...))
	l.ok(r, -1, 0, 1, 4, 143)
	l.back, l.unswept = nil, true
}

// undoLast undoes what was done last, which may be an undo.
func (l *lived) undoLast(before map[string]string) {
	r := l.note(l.ok(l.apply("undo", "--yes", "--json"), 0, 1))
	if r.code == 1 {
		return // nothing to put back
	}
	for _, s := range r.undo {
		if s.Verdict == "refused" && l.back != nil {
			l.fail("nothing that only apply has changed is refused as changed", "%v\n%v", s, l.runs)
		}
	}
	if l.back != nil {
		l.same("an undo in a life gives back what was", l.back, l.look("tree"), l.runs...)
	}
	l.back = before
	if slices.ContainsFunc(r.undo, func(s step) bool { return s.Verdict == "refused" || strings.Contains(s.What, "state of") }) {
		l.back = nil
	}
}

// revise has another revision of the manifest.
func (l *lived) revise(s *scene) {
	l.trial.scene = s
	_, err := s.write(l.tree, filepath.Dir(l.main), ".hcl")
	l.must(err)
}
