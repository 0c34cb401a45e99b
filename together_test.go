package apply

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/session"
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
