package manifest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nodeapply/apply/manifest"
)

// A manifest that is no manifest is told, and never waited for.
func TestUnreadable(t *testing.T) {
	fifo := func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "main.hcl"), 0o600) }
	text := func(name, content string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600) }
	}
	for _, tc := range []struct {
		name  string
		setup func(dir string) error
		path  string // below the folder, or absolute
		want  []string
	}{
		{"nothing there", text("x", ""), "main.hcl", []string{"main.hcl: ", "no such file or directory"}},
		{"empty folder", text("x", ""), ".", []string{"no manifest in this folder"}},
		{"pipe", fifo, "main.hcl", []string{"not a regular file"}},
		{"pipe in a folder", fifo, ".", []string{"not a regular file"}},
		{"device", text("x", ""), "/dev/zero", []string{"/dev/zero", "not a regular file"}},
		{"folder named like a manifest", func(dir string) error { return os.Mkdir(filepath.Join(dir, "main.hcl"), 0o700) }, ".", []string{"no manifest in this folder"}},
		{"link to itself", func(dir string) error { return os.Symlink("main.hcl", filepath.Join(dir, "main.hcl")) }, ".", []string{"too many levels of symbolic links"}},
		{"not UTF-8", text("main.hcl", "file \"/a\" {\n  content = \"\xff\"\n}\n"), "main.hcl", []string{"main.hcl:2", "UTF-8"}},
		{"not UTF-8 in JSON", text("main.hcl.json", "{\"file\": \"\xff\"}"), ".", []string{"main.hcl.json:1", "UTF-8"}},
		{"too big", text("main.hcl", "# "+strings.Repeat("x", 1<<20)), "main.hcl", []string{"main.hcl", "limit"}},
		{"brackets", text("main.hcl", "locals {\n a = "+strings.Repeat("[", 200_000)+"}"), "main.hcl", []string{"main.hcl:2", "limit"}},
		{"brackets in JSON", text("main.hcl.json", strings.Repeat("[", 200_000)), ".", []string{"main.hcl.json:1", "limit"}},
		{"operators", text("main.hcl", "locals {\n a = "+strings.Repeat("1+", 20_000)+"1\n}"), "main.hcl", []string{"main.hcl:2", "limit"}},
		{"key twice in JSON", text("main.hcl.json", `{"locals": {"a": {"b": 1, "b": 2}}}`), ".", []string{"main.hcl.json:1", "already defined"}},
		{"JSON that goes on", text("main.hcl.json", `{"locals": {"a": 1},}`), ".", []string{"main.hcl.json:1", "trailing comma"}},
		{"two bad files at once", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "a.hcl"), []byte("file {"), 0o600)
		}, ".", []string{"a.hcl:1"}},
		{"binary", text("main.hcl", "\x7fELF\x00\x01\x02"), "main.hcl", []string{"main.hcl:1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			if err := tc.setup(dir); err != nil {
				t.Fatal(err)
			}
			expectMistakes(t, tc.path, manifest.Options{Types: fakeTypes()}, tc.want...)
		})
	}
}

// expectMistakes compiles and wants every text in the diagnostics.
func expectMistakes(t *testing.T, path string, o manifest.Options, want ...string) {
	t.Helper()
	res, diags := manifest.Compile(t.Context(), path, o)
	if res != nil || !diags.HasErrors() {
		t.Fatalf("want mistakes, got %v, %v", res, diags)
	}
	if strings.Contains(diags.Error(), "Root value") {
		t.Errorf("what follows from another mistake is told too:\n%v", diags)
	}
	for _, w := range want {
		if !strings.Contains(diags.Error(), w) {
			t.Errorf("want %q in:\n%v", w, diags)
		}
	}
}

func TestEveryBadFileIsTold(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"a.hcl": "file {", "b.hcl": "\xff", "c.hcl.json": "{", "d.hcl": "x = ["} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := manifest.Options{Types: fakeTypes(), Vars: []manifest.VarSource{{File: "missing.tfvars"}}}
	expectMistakes(t, ".", o, "a.hcl:1", "b.hcl:1", "c.hcl.json:1", "d.hcl:1", "missing.tfvars")
}

// What takes too long or too much is given up, with its place. The evaluator cannot be stopped, so that each case gets a process that can.
func TestEvaluationIsBounded(t *testing.T) {
	const key = "MANIFEST_TEST_PATH"
	if path := os.Getenv(key); path != "" {
		_, diags := manifest.Compile(t.Context(), path, manifest.Options{Types: fakeTypes()})
		fmt.Println(diags)
		os.Exit(0)
	}
	if testing.Short() {
		t.Skip("skipped with -short: evaluations that run into the bounds of time and memory take 20 s of computing")
	}
	for name, text := range map[string]string{
		"nested for": "locals {\n  a = [for i in range(1000) : i]\n  b = [for a in local.a : [for b in local.a : [for c in local.a : [for d in local.a : \"${a}${b}${c}${d}\"]]]]\n}\n",
		"doubling":   doubling(60),
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("main.hcl", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestEvaluationIsBounded$")
			cmd.Env = append(os.Environ(), key+"=main.hcl")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatal(err, string(out))
			}
			for _, want := range []string{"limit", "main.hcl:"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("want %q in %s", want, out)
				}
			}
		})
	}
}

// doubling makes a text of 2^n bytes.
func doubling(n int) string {
	var b bytes.Buffer
	b.WriteString("locals {\n  a0 = \"x\"\n")
	for i := range n {
		fmt.Fprintf(&b, "  a%d = \"${local.a%d}${local.a%d}\"\n", i+1, i, i)
	}
	b.WriteString("}\n")
	return b.String()
}

func TestLongChains(t *testing.T) {
	chain := func(n int) string {
		var b bytes.Buffer
		b.WriteString("locals {\n")
		for i := range n {
			fmt.Fprintf(&b, "  a%d = local.a%d\n", i, i+1)
		}
		fmt.Fprintf(&b, "  a%d = 1\n}\n", n)
		return b.String()
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("main.hcl", []byte(chain(15_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, diags := manifest.Compile(t.Context(), "main.hcl", manifest.Options{}); len(diags) > 0 {
		t.Errorf("want a chain of 15,000 to work, got %v", diags[0])
	}
	if err := os.WriteFile("main.hcl", []byte(chain(40_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	expectMistakes(t, "main.hcl", manifest.Options{}, "limit")
}

func TestModulesThatCallThemselves(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"main.hcl":   "module \"a\" {\n  source = \"./a\"\n}\nmodule \"b\" {\n  source = \".\"\n}\n",
		"a/main.hcl": "module \"b\" {\n  source = \"../b\"\n}\n",
		"b/main.hcl": "module \"a\" {\n  source = \"../a\"\n}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expectMistakes(t, ".", manifest.Options{}, "A module cannot call itself: . -> a -> b -> a", "A module cannot call itself: . -> .")
}
