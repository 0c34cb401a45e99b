package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/manifest/format"
	"github.com/nodeapply/apply/manifest/inventory"
)

// example is a block of HCL on a page; after the language may stand the name of its file, which is main.hcl otherwise.
var example = regexp.MustCompile("(?ms)^```hcl ?([^\n]*)\n(.*?)^```$")

// TestInventory reads the inventory that the page on fleets shows.
func TestInventory(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/fleet.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := example.FindStringSubmatch(string(text))
	if shown == nil || shown[1] != "fleet.hcl" {
		t.Fatalf("no fleet.hcl is shown: %q", shown)
	}
	name := filepath.Join(t.TempDir(), shown[1])
	if err := os.WriteFile(name, []byte(shown[2]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inventory.Read(name, func(set string) ([]string, error) { return nodeset.Parse(set, nil) }); err != nil {
		t.Error(err)
	}
}

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
