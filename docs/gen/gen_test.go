package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources/all"
)

const root = "../.."

// TestFresh fails when a doc comment, or what a function gives, has changed and the reference has not.
func TestFresh(t *testing.T) {
	t.Setenv("HOME", "/home/someone") // which an example asks for
	want, err := pages(root)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	names, err := filepath.Glob(filepath.Join(root, "docs/reference/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if filepath.Base(name) == metaPage {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(name)] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/reference is stale: run go generate ./docs\n%s", diff)
	}
}

// TestExamples compiles the example of each type.
func TestExamples(t *testing.T) {
	for _, typ := range all.Linked(nil) {
		m, err := apply.Load(t.Context(), filepath.Join("examples", typ.Name+".hcl"), apply.Options{})
		if err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		shown := false
		for _, e := range m.Catalog().Entries() {
			shown = shown || e.Addr.Type == typ.Name
		}
		if !shown {
			t.Errorf("%s: its example has no resource of it", typ.Name)
		}
	}
}

// TestMetaparameters looks for each of them on the page that is written by hand.
func TestMetaparameters(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/reference", metaPage))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range syntax.MetaNames() {
		if !strings.Contains(string(text), "**`"+name+"`**") {
			t.Errorf("%s is not described", name)
		}
	}
}
