package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// world is the node of these tests: which things are as declared, and what was done.
type world struct {
	prompt bool              // its things are looked at before the walk
	on     func(what string) // if set, is told of all that is done and looked at

	mu   sync.Mutex
	is   map[string]bool
	log  []string
	dead chan struct{} // closed when the dead mount comes back
}

// ways tests things that are looked at before the walk of a prediction, and such that are not.
func ways(t *testing.T, name string, test func(t *testing.T, w *world)) {
	t.Run(name, func(t *testing.T) { test(t, &world{prompt: true}) })
	t.Run(name+", one by one", func(t *testing.T) { test(t, &world{}) })
}

// reported is the report of a plan, or of a converge.
func reported(t *testing.T, c *catalog.Catalog, o Options, plan bool) *report.Report {
	t.Helper()
	var rep *report.Report
	var err error
	if plan {
		rep, err = Plan(t.Context(), node{}, c, o)
	} else {
		rep, err = Converge(t.Context(), node{}, c, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func (w *world) did(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
	w.tell(w.log[len(w.log)-1])
}

func (w *world) tell(what string) {
	if w.on != nil {
		w.on(what)
	}
}

// done is the log until now: what was abandoned may still add to it.
func (w *world) done() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.log, ",")
}

func (w *world) get(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.is[name]
}

func (w *world) set(name string, to bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.is == nil {
		w.is = map[string]bool{}
	}
	w.is[name] = to
}

// thing is a resource of that node. How it behaves is in the words of its declaration, see parse.
type thing struct {
	w       *world
	name    string
	words   map[string]bool
	applied bool
	checks  int
}

func (t *thing) Check(ctx context.Context, _ host.View) (resources.Diff, error) {
	t.checks++
	t.w.tell("check " + t.name)
	switch {
	case t.words["badcheck"]:
		return resources.Diff{}, errors.New("cannot look")
	case t.words["needs"] && !t.w.get("ground"):
		return resources.Diff{}, errors.New("no ground")
	case t.words["panics"]:
		panic("a bug")
	case t.words["hangs"]:
		<-t.w.dead // a stat on a dead mount: not even the end of ctx ends it
	case t.words["slow"]:
		<-ctx.Done()
		return resources.Diff{}, context.Cause(ctx)
	}
	if t.w.get(t.name) || t.words["ok"] && !t.words["flaps"] {
		return resources.Diff{}, nil
	}
	return resources.Diff{Changes: []resources.Change{{Attr: "ensure", From: "absent", To: "present", Opaque: t.words["opaque"]}}, Spreads: t.words["spreads"]}, nil
}

func (t *thing) Prompt() bool { return t.w.prompt }

func (t *thing) Apply(context.Context, host.Host, resources.Diff) error {
	t.w.did("apply %s", t.name)
	t.applied = true
	switch {
	case t.words["fails"]:
		return errors.New("boom")
	case t.words["stays"]:
		<-t.w.dead // as a check that hangs
	case t.words["late"]:
		t.w.set(t.name, true)
		return errors.New("no answer")
	}
	if t.words["twice"] && t.w.count("apply "+t.name) < 2 {
		return errors.New("not yet")
	}
	if !t.words["flaps"] {
		t.w.set(t.name, true)
	}
	if t.words["ground"] {
		t.w.set("ground", true)
	}
	return nil
}

func (w *world) count(what string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.log {
		if l == what {
			n++
		}
	}
	return n
}

// service can be refreshed.
type service struct{ thing }

func (s *service) Refreshable(_ context.Context, _ host.View, applied resources.Diff) (bool, string, error) {
	switch {
	case !applied.Empty():
		return false, "started in this run", nil
	case s.words["stopped"]:
		return false, "not running", nil
	}
	return true, "", nil
}

// GuardCmd has guards run in a folder of the service.
func (s *service) GuardCmd(guard string) host.Cmd {
	return host.Cmd{Args: []string{"/bin/sh", "-c", guard}, Dir: "/srv"}
}

func (s *service) Refresh(context.Context, host.Host) error {
	s.w.did("refresh %s", s.name)
	if s.words["sick"] {
		return errors.New("will not restart")
	}
	return nil
}

// export stands for something to other nodes.
type export struct{ thing }

func (f *export) Skip(_ context.Context, _ host.Host, because string) error {
	f.w.did("skip %s for %s", f.name, because)
	return errors.New("nobody hears")
}

// node answers guards: true, false, what succeeds in a service's folder, what does not end, what may not be run, what says nothing of why it is not
// there; anything else is a command that is not there.
type node struct{ host.Host }

func (node) Query(ctx context.Context, c host.Cmd) (host.Output, error) {
	switch c.Args[2] {
	case "true":
		return host.Output{}, nil
	case "false":
		return host.Output{ExitCode: 1}, nil
	case "inside":
		return host.Output{ExitCode: len("/srv") - len(c.Dir)}, nil
	case "hang":
		<-ctx.Done()
		return host.Output{}, context.Cause(ctx)
	case "denied":
		return host.Output{ExitCode: 126, Stderr: []byte("sh: denied: Permission denied\n")}, nil
	case "silent":
		return host.Output{ExitCode: 127}, nil
	}
	return host.Output{ExitCode: 127, Stderr: []byte("sh: " + c.Args[2] + ": not found")}, nil
}

// parse makes a catalog of what declare reads.
func parse(t *testing.T, w *world, decl, edges string) *catalog.Catalog {
	t.Helper()
	return newCatalog(t, declare(t, w, decl), relate(edges))
}

func newCatalog(t *testing.T, entries []*catalog.Entry, rels []catalog.Relation) *catalog.Catalog {
	t.Helper()
	c, problems := catalog.New(entries, rels, func(resources.Address) bool { return false })
	if problems != nil {
		t.Fatal(problems)
	}
	return c
}

// address reads a name: "a", or "d.x" for an instance.
func address(name string) resources.Address {
	title, key, repeated := strings.Cut(name, ".")
	a := resources.Address{Type: "t", Title: title}
	if repeated {
		a.Instance = `["` + key + `"]`
	}
	return a
}

// nameOf is the name that address reads.
func nameOf(a resources.Address) string {
	if a.Instance == "" {
		return a.Title
	}
	return a.Title + "." + strings.Trim(a.Instance, `["]`)
}

// declare reads "a:words b:words". A name that begins with s is a service, one with f an export.
func declare(t *testing.T, w *world, decl string) []*catalog.Entry {
	t.Helper()
	var entries []*catalog.Entry
	for i, d := range strings.Fields(decl) {
		name, words, _ := strings.Cut(d, ":")
		th := thing{w: w, name: name, words: map[string]bool{}}
		e := &catalog.Entry{Addr: address(name), Pos: catalog.Pos{File: "main.hcl", Line: int32(i + 1)}}
		for _, word := range strings.Split(words, ",") {
			key, arg, _ := strings.Cut(word, "=")
			th.words[key] = true
			switch key {
			case "unless":
				e.Unless = append(e.Unless, arg)
			case "onlyif":
				e.OnlyIf = append(e.OnlyIf, arg)
			case "timeout":
				e.Timeout = duration(t, arg)
			case "noop":
				e.Noop = true
			case "off":
				e.Off = true
			case "tries":
				e.Tries, e.TrySleep = 3, time.Minute
			case "tag":
				e.Tags = []string{arg}
			case "secret":
				e.Sensitive = []string{"ensure"}
			case "there":
				w.set(name, true)
			}
		}
		e.Resource = &th
		switch name[0] {
		case 's':
			e.Resource = &service{th}
		case 'f':
			e.Resource = &export{th}
		}
		entries = append(entries, e)
	}
	return entries
}

// relate reads "a>b a~b".
func relate(edges string) []catalog.Relation {
	var rels []catalog.Relation
	for _, s := range strings.Fields(edges) {
		i := strings.IndexAny(s, ">~")
		r := catalog.Relation{From: address(s[:i]), To: address(s[i+1:])}
		if s[i] == '~' {
			r.Kind = catalog.Notify
		}
		rels = append(rels, r)
	}
	return rels
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// outcomes prints "a=changed b=skipped(t.a)".
func outcomes(r *report.Report) string {
	var out []string
	for _, res := range r.Results {
		s := nameOf(res.Address) + "=" + string(res.Outcome)
		if res.Because != "" {
			s += "(" + res.Because + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}
