package format_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/format"
)

func TestFormatter(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, tc := range map[string]struct{ in, want, err string }{
		"a.hcl":      {in: "file \"/a\" {\ncontent=1\n  mode   =   \"2\" # c\n}\n", want: "file \"/a\" {\n  content = 1\n  mode    = \"2\" # c\n}\n"},
		"b.hcl":      {in: "file \"/a\" {\n", err: "b.hcl:1"},
		"c.hcl":      {in: "a = " + strings.Repeat("[", 100_000), err: "limit"},
		"d.hcl.json": {in: "{ }", want: "{ }"},
		"e.hcl":      {in: "\xff", err: "e.hcl:1"},
	} {
		if err := os.WriteFile(name, []byte(tc.in), 0o600); err != nil {
			t.Fatal(err)
		}
		got, src, diags := format.New().File(name)
		if tc.err != "" {
			if !strings.Contains(diags.Error(), tc.err) {
				t.Errorf("%s: want %q, got %v", name, tc.err, diags)
			}
			continue
		}
		if string(got) != tc.want || string(src) != tc.in || len(diags) > 0 {
			t.Errorf("%s: want %q, got %q, %q, %v", name, tc.want, got, src, diags)
		}
	}
	if _, _, diags := format.New().File("missing.hcl"); !strings.Contains(diags.Error(), "no such file") {
		t.Errorf("a missing file: %v", diags)
	}
	if err := os.WriteFile("large", []byte(`{"a": "`+strings.Repeat("x", 1<<20-9)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	together := format.New()
	var diags diag.List
	for n := 0; n < 17 && !diags.HasErrors(); n++ {
		name := fmt.Sprintf("large%d.hcl.json", n)
		if err := os.Link("large", name); err != nil {
			t.Fatal(err)
		}
		_, _, diags = together.File(name)
	}
	if !strings.Contains(diags.Error(), "large16.hcl.json") || !strings.Contains(diags.Error(), "limit") {
		t.Errorf("17 MiB in all: %v", diags)
	}
}
