package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nodeapply/apply/manifest"
)

// FuzzCompile gives the compiler whatever bytes: the answer is a catalog or mistakes, never a panic.
func FuzzCompile(f *testing.F) {
	names, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			switch filepath.Ext(file.Name) {
			case ".hcl":
				f.Add(file.Data, false)
			case ".json":
				f.Add(file.Data, true)
			}
		}
	}
	f.Add([]byte("file \"a\" {\n  for_each = { \"a\" = sensitive(1) }\n  notify = [module.x[0].file[\"x\"][1]]\n}\n"), false)
	f.Add([]byte("module \"m\" {\n  source = \".\"\n  count = 1\n}\n"), false)
	f.Add([]byte("exec \"e\" {\n  command = exec.e[*].stdout\n  when = wait.w.first\n}\nwait \"w\" {\n  count = exec.e.exit_code\n  fact = null\n}\n"), false)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, json bool) {
		name := filepath.Join(dir, "main.hcl")
		if json {
			name += ".json"
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		o := manifest.Options{Types: fakeTypes(), Facts: fakeFacts{"hostname": "node01", "os": map[string]any{"family": "Debian"}}}
		res, diags := manifest.Compile(t.Context(), name, o)
		if (res == nil) != diags.HasErrors() {
			t.Errorf("result %v with %v", res, diags)
		}
		if text := diags.Error(); strings.Contains(text, "broke down") {
			t.Error(text)
		}
		if res == nil {
			return
		}
		for _, e := range res.Catalog.Entries() {
			if e.Deferred != nil {
				_, err := e.Deferred.Bind(t.Context(), noValues)
				if err != nil && strings.Contains(err.Error(), "broke down") {
					t.Error(err)
				}
			}
		}
	})
}
