package files

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// What is parsed in pieces is what is parsed at once, to the last position, and mistakes are those of the whole.
func FuzzPieces(f *testing.F) {
	examples, err := filepath.Glob("../testdata/golden/*.txtar")
	if err != nil || len(examples) == 0 {
		f.Fatalf("no examples: %v", err)
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, size := range []int{1, 40} {
			same(t, src, size)
		}
	})
}

func same(t *testing.T, src []byte, size int) {
	t.Helper()
	want, wantDiags := hclsyntax.ParseConfig(src, "main.hcl", hcl.InitialPos)
	got, gotDiags := parse(src, "main.hcl", size)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("pieces of %d: another tree than of %q at once", size, src)
	}
	if d := cmp.Diff(fmt.Sprint(wantDiags.Errs()), fmt.Sprint(gotDiags.Errs())); d != "" {
		t.Errorf("pieces of %d: %s", size, d)
	}
}

const block = "file \"/etc/é\" {\n  content = \"a\"\n}\n"

var texts = map[string]string{
	"blocks":                       block + "\n" + block + "# more\n" + block,
	"no newline at the end":        block + block + "file \"b\" {}",
	"blank lines at the end":       block + block + "\n\n",
	"a mark at the start":          "\xef\xbb\xbf" + block + block,
	"a mark in the middle":         block + "\xef\xbb\xbf" + block,
	"carriage returns":             strings.ReplaceAll(block+block, "\n", "\r\n"),
	"a brace in a text":            "file \"a\" {\n  content = <<-EOT\n    x\n}\n    EOT\n}\n" + block,
	"a brace in a comment":         block + "/*\n}\n*/\n" + block,
	"not indented":                 "locals {\na = {\nb = 1\n}\nc = 2\n}\n" + block,
	"in a template":                "file \"a\" {\n  content = \"${[\n1\n}\n]}\"\n}\n" + block,
	"attributes":                   block + "a = 1\n" + block + "a = 2\n",
	"a mistake in the second":      block + "file \"b\" {\n  content = \n}\n" + block,
	"a text that does not end":     block + "file \"b\" {\n  content = <<EOT\n}\n" + block,
	"a brace too many":             block + "}\n" + block,
	"a brace too few":              block + "file \"b\" {\n" + block,
	"bytes that are no characters": block + "# \xff\n" + block,
}

func TestPieces(t *testing.T) {
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			for size := range len(text) + 2 {
				same(t, []byte(text), size)
			}
		})
	}
	if inPieces([]byte(texts["blocks"]), "main.hcl", 1) == nil {
		t.Error("blocks are parsed as a whole")
	}
}
