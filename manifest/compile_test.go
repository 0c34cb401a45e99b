package manifest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/resources"
)

// compile writes text to main.hcl in a fresh current folder and compiles it.
func compile(t *testing.T, text string, o manifest.Options) (*manifest.Result, diag.List) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("main.hcl", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if o.Types == nil {
		o.Types = fakeTypes()
	}
	return manifest.Compile(t.Context(), "main.hcl", o)
}

func TestOnlyNamedFactsAreLookedUpOnce(t *testing.T) {
	facts := &lookups{fakeFacts: fakeFacts{"hostname": "n1", "os": map[string]any{"family": "Debian"}, "never": 1}, asked: map[string]int{}}
	_, diags := compile(t, `
file "/a" { content = "${fact.hostname} ${fact.os.family}" }
file "/b" { content = fact.hostname }
output "c" { value = try(fact.missing, "none") }
`, manifest.Options{Facts: facts})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if diff := cmp.Diff(map[string]int{"hostname": 1, "os": 1, "missing": 1}, facts.asked); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestUnusedEnvironmentIsNoMistake(t *testing.T) {
	o := manifest.Options{Vars: []manifest.VarSource{{Name: "other", Value: "x", Origin: "APPLY_VAR_other", Optional: true}}}
	if _, diags := compile(t, `file "/a" {}`, o); len(diags) > 0 {
		t.Error(diags)
	}
}

// What only the run names is known by its beginning.
func TestLateNames(t *testing.T) {
	res, diags := compile(t, `
locals { keys = "/srv/keys" }
exec "id" {}
file "known" {
  path    = "${local.keys}/x"
  content = exec.id.stdout
}
file "/title"    { content = exec.id.stdout }
file "one"       { path = "${local.keys}/${exec.id.stdout}" }
file "nothing"   { path = exec.id.stdout }
file "by_a_call" { path = join("/", [local.keys, exec.id.stdout]) }
file "all" {
  for_each = toset(split(",", exec.id.stdout))
  path     = "${local.keys}/${each.key}.pub"
}
file "perhaps" {
  count = exec.id.stdout == "" ? 0 : 1
  path  = "${local.keys}/y"
}
file "/repeated" { count = exec.id.stdout == "" ? 0 : 1 }
`, manifest.Options{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	got := map[string]string{}
	for _, e := range res.Catalog.Entries() {
		if d := e.Deferred; d != nil {
			got[e.Addr.Title] = fmt.Sprintf("%t %s", d.Unnamed, d.Begins)
		}
	}
	want := map[string]string{
		"known": "false /srv/keys/x", "/title": "false ", "one": "true /srv/keys/", "nothing": "true ", "by_a_call": "true ", "all": "true /srv/keys/",
		"perhaps": "true /srv/keys/y", "/repeated": "false /repeated",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Secrets are told as they are met, those that only the run gives too, and never shown.
func TestSecretsAreTold(t *testing.T) {
	var told []string
	res, diags := compile(t, `
variable "password" { sensitive = true }
exec "id" {}
file "/a" { content = "user:${var.password}" }
file "/b" { content = sensitive(exec.id.stdout) }
file "/c" { content = "${length(sensitive(["inner-part"]))}" }
file "/d" { content = templatestring("pw=$${sensitive(\"in-a-template\")}", {}) }
`, manifest.Options{
		OnSecret: func(s string) { told = append(told, s) },
		Vars:     []manifest.VarSource{{Name: "password", Value: "hunter2"}},
	})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	for _, want := range []string{"hunter2", "user:hunter2", "inner-part", "in-a-template"} {
		if !slices.Contains(told, want) {
			t.Errorf("%q was not told: %q", want, told)
		}
	}
	late := func(resources.Address) (map[string]any, bool) { return map[string]any{"stdout": "late-secret"}, true }
	for _, e := range res.Catalog.Entries() {
		if e.Deferred == nil {
			continue
		}
		if diff := cmp.Diff([]resources.Change{{Attr: "content", To: "(sensitive value)"}}, e.Deferred.Preview); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
		if _, err := e.Deferred.Bind(t.Context(), late); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Contains(told, "late-secret") {
		t.Errorf("want late-secret among %q", told)
	}
}

// No mistake may show what is secret, however it comes into the message.
func TestNoMistakeShowsASecret(t *testing.T) {
	const secret = "hunter2-and-more"
	for _, expr := range []string{
		`tonumber(var.s)`, `var.s + 1`, `var.s.x`, `[1, 2][var.s]`, `{ a = 1 }[var.s]`, `"${var.s}" ? 1 : 2`, `formatdate(var.s, "x")`, `jsondecode(var.s)`,
		`regex(var.s, "x")`, `file(var.s)`, `base64decode(var.s)`, `cidrhost(var.s, 1)`, `toset(var.s)`, `yamldecode("${var.s}: [")`, `timeadd(var.s, var.s)`,
		`parseint(var.s, 10)`, `upper(var.s, var.s)`, `lookup({}, var.s)`, `[for k in var.s : k]`, `templatestring("$${x}", { y = var.s })`, `tonumber(sensitive("hunter2-and-more"))`,
		`element([], var.s)`, `zipmap([var.s], [])`, `strcontains(var.s)`, `one([var.s, var.s])`, `merge(var.s, 1)`, `merge([var.s], [1])`,
	} {
		t.Run(expr, func(t *testing.T) {
			_, diags := compile(t, fmt.Sprintf("variable \"s\" { sensitive = true }\nlocals {\n  o = { (var.s) = 1 }\n}\nfile \"/a\" {\n  recurselimit = %s\n}\n", expr),
				manifest.Options{Vars: []manifest.VarSource{{Name: "s", Value: secret}}})
			if !diags.HasErrors() {
				t.Fatal("want a mistake")
			}
			var text bytes.Buffer
			if err := diags.WriteText(&text, diag.TextOptions{}); err != nil {
				t.Fatal(err)
			}
			js, err := json.Marshal(diags)
			if err != nil {
				t.Fatal(err)
			}
			if all := text.String() + string(js) + diags.Error(); strings.Contains(all, "hunter2") {
				t.Errorf("the secret is in:\n%s", all)
			}
		})
	}
}

func TestModulesAreFound(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.hcl"), []byte(`file "/built-in" { content = path.module }`), 0o600); err != nil {
		t.Fatal(err)
	}
	o := manifest.Options{Modules: func(_ context.Context, source, _ string) (manifest.Folder, error) {
		if source == "etchosts" {
			return manifest.Folder{Dir: dir}, nil
		}
		return manifest.Folder{}, errors.New("no module is called " + source)
	}}
	res, diags := compile(t, "module \"h\" {\n  source = \"etchosts\"\n}\n", o)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	got := res.Catalog.Entries()[0].Resource.(*file)
	if *got.Content != dir {
		t.Errorf("want path.module %s, got %s", dir, *got.Content)
	}
	_, diags = compile(t, "module \"h\" {\n  source = \"nope\"\n}\n", o)
	if want := "main.hcl:2: Unknown module; No module is called nope."; diags.Error() != want {
		t.Errorf("want %q, got %q", want, diags.Error())
	}
}

func TestInterruptedCompile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("main.hcl", []byte(`file "/a" {}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal"))
	res, diags := manifest.Compile(ctx, "main.hcl", manifest.Options{Types: fakeTypes()})
	if res != nil || !strings.Contains(diags.Error(), "signal") {
		t.Errorf("want the cause, got %v, %v", res, diags)
	}
}

// TestSecretOfAType: what a type calls secret is sensitive for others too, and so is what may repeat it.
func TestSecretOfAType(t *testing.T) {
	type safe struct {
		*file
		Code string `hcl:"code,secret"`
	}
	types := []resources.Type{{Name: "safe", Late: []string{"said", "opened"}, Repeats: []string{"said"}, New: func(title string) resources.Resource { return &safe{file: &file{Path: "/" + title}} }}}
	for value, refused := range map[string]bool{"safe.a.code": true, "safe.a.said": true, "safe.a.opened": false, "safe.b.code": false} {
		_, diags := compile(t, "safe \"a\" { code = \"1234\" }\nsafe \"b\" {}\noutput \"o\" { value = "+value+" }\n", manifest.Options{Types: types})
		if strings.Contains(diags.Error(), "Sensitive output") != refused || !refused && diags.HasErrors() {
			t.Errorf("%s: %v", value, diags)
		}
	}
}

func TestBrokenTypeIsTold(t *testing.T) {
	type broken struct {
		*file
		C chan int `hcl:"c"`
	}
	for want, init := range map[string]func(string) resources.Resource{
		"field C: an attribute cannot be of Go type chan int": func(string) resources.Resource { return &broken{} },
		"New returns <nil>, want a pointer to a struct":       func(string) resources.Resource { return nil },
		"New is not set": nil,
	} {
		_, diags := compile(t, "", manifest.Options{Types: []resources.Type{{Name: "broken", New: init}}})
		if want := "Broken resource type; type broken: " + want; diags.Error() != want {
			t.Errorf("want %q, got %q", want, diags.Error())
		}
	}
}

func TestTypeWithoutANameIsTold(t *testing.T) {
	_, diags := compile(t, "", manifest.Options{Types: []resources.Type{{Name: "two words", New: func(string) resources.Resource { return &file{} }}}})
	if want := `Broken resource type; type "two words": the name is no identifier`; diags.Error() != want {
		t.Errorf("want %q, got %q", want, diags.Error())
	}
}

func TestDiagnosticsAsJSON(t *testing.T) {
	_, diags := compile(t, "file \"/a\" {\n  ensur = 1\n}\n", manifest.Options{})
	got, err := json.Marshal(diags)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"severity":"error","summary":"Unknown attribute","detail":"A resource of type ` + "`file` has no attribute `ensur`; did you mean `ensure`?" + `",` +
		`"range":{"filename":"main.hcl","start":{"line":2,"column":3},"end":{"line":2,"column":8}},` +
		`"snippet":{"context":"file \"/a\"","code":"  ensur = 1","start_line":2,"highlight_start_offset":2,"highlight_end_offset":7}}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestFoldersFromElsewhere(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"site/main.hcl": "module \"near\" {\n  source = \"../near\"\n}\nmodule \"far\" {\n  source = \"git::far\"\n}\n",
		"near/n.hcl":    `file "/near" {}`,
		"far/in/f.hcl":  "file \"/far\" {}\nmodule \"out\" {\n  source = \"../../near\"\n}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := manifest.Options{Types: fakeTypes(), Shown: "site/main.hcl", Within: dir, Modules: func(context.Context, string, string) (manifest.Folder, error) {
		return manifest.Folder{Dir: filepath.Join(dir, "far/in"), Shown: "far@v1/in", Within: filepath.Join(dir, "far")}, nil
	}}
	diags := manifest.Link(t.Context(), filepath.Join(dir, "site/main.hcl"), o)
	want := `far@v1/in/f.hcl:3: Unknown module; "../../near" leads out of the repository.`
	if diff := cmp.Diff(want, diags.Error()); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "far/in/f.hcl"), []byte("file \"/far\" {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	res, diags := manifest.Compile(t.Context(), filepath.Join(dir, "site/main.hcl"), o)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var got []string
	for _, e := range res.Catalog.Entries() {
		got = append(got, e.Pos.String())
	}
	if diff := cmp.Diff([]string{"near/n.hcl:1", "far@v1/in/f.hcl:1"}, got); diff != "" {
		t.Error(diff)
	}
}
