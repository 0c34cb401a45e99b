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
fact "known" {
  name  = "by_its_name"
  value = wait.two.count
}
fact "one_of_them" {
  name    = wait.two.first
  value   = 1
}
fact "each" {
  for_each = wait.one.others
  name     = "for_${each.key}"
  value    = 1
}
fact "withdrawn" {
  ensure = "absent"
  when   = wait.one.count > 1
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
	for _, b := range got.Blocks {
		exports[b.Address] = b.Behind
	}
	wantExports := map[string][]string{
		"early": nil, "joined": {"one"}, "late": {"one", "two"}, "by_its_name": {"one", "two"}, "fact.one_of_them": {"one", "two"}, "fact.each": {"one"},
	}
	if diff := cmp.Diff(wantExports, exports); diff != "" {
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

// TestNotComing: others learn which exports of the plan a run will not make after all, and of which blocks nothing more comes.
func TestNotComing(t *testing.T) {
	at := resources.Address{Type: "fact", Title: "a"}
	for _, tc := range []struct {
		export  string
		outcome report.Outcome
		because string
		want    string
	}{
		{"up", report.Failed, "", "up"},
		{"up", report.Unchanged, "", "up"},
		{"up", report.Changed, "", ""},
		{"up", report.Skipped, "exec.a", ""},
		{"", report.Failed, "", "fact.a because of fact.a"},
		{"", report.Unchanged, "", "fact.a because of "},
		{"", report.Changed, "", "fact.a because of "},
		{"", report.Skipped, "exec.a", "fact.a because of exec.a"},
		{"", report.Skipped, "", ""},
	} {
		said := ""
		d := &doing{
			Events: quiet{}, exports: map[resources.Address]string{at: tc.export},
			notComing: func(f string) { said += f },
			blockOver: func(block, because string) { said += block + " because of " + because },
		}
		d.Ended(&report.Result{Address: at, Outcome: tc.outcome, Because: tc.because})
		for _, another := range []resources.Address{{Type: "exec", Title: "a"}, {Type: "fact", Title: "a", Instance: `["x"]`}} {
			d.Ended(&report.Result{Address: another, Outcome: tc.outcome, Because: tc.because})
		}
		if said != tc.want {
			t.Errorf("%q %s: said %q, want %q", tc.export, tc.outcome, said, tc.want)
		}
	}
}
