package apply

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// TestExchangePlan: what other nodes learn of a run before it has done anything, with what holds what back.
func TestExchangePlan(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(dir, "main.hcl")
	err := os.WriteFile(manifest, []byte(`
exec "disk" { command = "true" }
fact "early" {
  value   = true
  require = [exec.disk]
}
wait "one" {
  fact  = "early"
  nodes = ["b"]
}
exec "join" {
  command = "true"
  require = [wait.one]
}
wait "two" {
  fact    = "joined"
  group   = "g"
  min     = 2
  require = [exec.join]
}
fact "joined" {
  value   = 1
  require = [exec.join]
}
fact "late" {
  value = wait.two.count
}
fact "off" {
  value = 1
  when  = false
}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(t.Context(), manifest, Options{Session: session.New(session.Options{StateDir: dir})})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := exchangePlan(m.Catalog(), nil)
	if !ok {
		t.Error("the catalog takes part, and it is said that it does not")
	}
	exports := map[string][]string{}
	for _, e := range got.Exports {
		exports[e.Fact] = e.Behind
	}
	if diff := cmp.Diff(map[string][]string{"early": nil, "joined": {"one"}, "late": {"one", "two"}}, exports); diff != "" {
		t.Error(diff)
	}
	waits := map[string]record.Wait{}
	for _, w := range got.Waits {
		waits[w.Name] = w
	}
	want := map[string]record.Wait{
		"one": {Name: "one", Fact: "early", Nodes: []string{"b"}},
		"two": {Name: "two", Fact: "joined", Group: "g", Min: 2, Behind: []string{"one"}},
	}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Error(diff)
	}
}

// quiet are events that nobody looks at.
type quiet struct{}

func (quiet) Begin(*report.Report)              {}
func (quiet) Running(resources.Address, string) {}
func (quiet) Ended(*report.Result)              {}
func (quiet) End(*report.Report)                {}

// TestDoing: others learn what goes on, first what began first, and nothing of what has ended.
func TestDoing(t *testing.T) {
	said := ""
	d := &doing{Events: quiet{}, tell: func(s string) { said = s }, texts: map[resources.Address]string{}}
	at := func(title string) resources.Address { return resources.Address{Type: "exec", Title: title} }
	for _, step := range []struct{ title, what, want string }{
		{"a", "checking", ""},
		{"a", "applying", "applying exec.a"},
		{"b", "waiting for limit.one", "applying exec.a, exec.b waiting for limit.one"},
		{"b", "waiting for limit.one, inside: n2 (applying exec.b)", "applying exec.a, exec.b waiting for limit.one"},
		{"c", "refreshing", "applying exec.a, exec.b waiting for limit.one, refreshing exec.c"},
		{"d", "applying", "applying exec.a, exec.b waiting for limit.one, refreshing exec.c, and 1 more"},
		{"a", "", "exec.b waiting for limit.one, refreshing exec.c, applying exec.d"},
		{"b", "applying", "applying exec.b, refreshing exec.c, applying exec.d"},
		{"c", "", "applying exec.b, applying exec.d"},
		{"d", "", "applying exec.b"},
		{"e", "", "applying exec.b"},
		{"b", "", ""},
	} {
		if step.what == "" {
			d.Ended(&report.Result{Address: at(step.title)})
		} else {
			d.Running(at(step.title), step.what)
		}
		if said != step.want {
			t.Errorf("%s %s: said %q, want %q", step.title, step.what, said, step.want)
		}
	}
	d.Running(resources.Address{Type: "wait", Title: "w"}, "applying")
	d.Running(resources.Address{Type: "wait", Title: "w"}, "waiting for up")
	if said != "" {
		t.Errorf("of a wait, which they know: %q", said)
	}
}

// TestNotComing: others learn which exports of the plan a run will not make after all.
func TestNotComing(t *testing.T) {
	at := resources.Address{Type: "fact", Title: "a"}
	for outcome, want := range map[report.Outcome]string{report.Failed: "up", report.Unchanged: "up", report.Changed: "", report.Skipped: ""} {
		said := ""
		d := &doing{Events: quiet{}, notComing: func(f string) { said += f }, exports: map[resources.Address]string{at: "up"}}
		d.Ended(&report.Result{Address: at, Outcome: outcome})
		d.Ended(&report.Result{Address: resources.Address{Type: "exec", Title: "a"}, Outcome: outcome})
		if said != want {
			t.Errorf("%s: said %q, want %q", outcome, said, want)
		}
	}
}
