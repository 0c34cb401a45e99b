package syntax_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/syntax"
)

// kinds knows one resource type.
type kinds struct{}

func (kinds) Known(name string) bool { return name == "file" }
func (kinds) Names() []string        { return []string{"file"} }

// BenchmarkRead reads and parses 1,000 blocks, the bounds included.
func BenchmarkRead(b *testing.B) {
	for name, content := range map[string]string{
		"source":  `source = "/usr/share/doc/file"`,
		"quoted":  fmt.Sprintf("content = %q", strings.Repeat("all that is in it, ", 50)),
		"heredoc": "content = <<EOT\n" + strings.Repeat("all that is in this line\n", 30) + "EOT",
	} {
		b.Run(name, func(b *testing.B) {
			var text strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&text, "file \"/srv/file%d\" {\n  ensure = \"file\"\n  %s\n}\n", i, content)
			}
			manifest := filepath.Join(b.TempDir(), "main.hcl")
			if err := os.WriteFile(manifest, []byte(text.String()), 0o600); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(text.Len()))
			b.ReportAllocs()
			for b.Loop() {
				r := syntax.Reader{Files: &files.Reader{}, Kinds: kinds{}, Step: func() {}}
				m, diags := r.Read(b.Context(), manifest, manifest)
				if diags.HasErrors() || len(m.Body) != 1000 {
					b.Fatal(diags)
				}
			}
		})
	}
}
