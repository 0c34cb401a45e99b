package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/manifest/format"
)

// example is a block of HCL on a page; after the language may stand the name of its file, which is main.hcl otherwise.
var example = regexp.MustCompile("(?ms)^```hcl ?([^\n]*)\n(.*?)^```$")

// TestPages compiles what the pages that are written by hand show; the examples of a page are one manifest. They are as apply fmt writes them.
func TestPages(t *testing.T) {
	template := map[string]string{"site.tftpl": "listen ${port}; root ${root};\n"}
	for page, beside := range map[string]map[string]string{
		"docs/language.md":                 template,
		"docs/reference/metaparameters.md": nil,
		"README.md":                        {"site.tftpl": "server_name ${name};\n"},
	} {
		t.Run(page, func(t *testing.T) {
			t.Setenv("FACTER_fqdn", "node01.example.com") // a machine may have none
			text, err := os.ReadFile(filepath.Join(root, page))
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for name, content := range beside {
				files[name] = content
			}
			for _, m := range example.FindAllStringSubmatch(string(text), -1) {
				name := m[1]
				if name == "" {
					name = "main.hcl"
				}
				files[name] += m[2] + "\n"
			}
			dir := t.TempDir()
			for name, content := range files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			main := filepath.Join(dir, "main.hcl")
			if _, err := apply.Load(t.Context(), main, apply.Options{}); err != nil {
				t.Error(err)
			}
			formatted, src, mistakes := format.New().File(main)
			if mistakes.HasErrors() {
				t.Error(mistakes)
			}
			if d := cmp.Diff(string(formatted), string(src)); d != "" {
				t.Errorf("not as apply fmt writes it, want -, got +:\n%s", d)
			}
		})
	}
}
