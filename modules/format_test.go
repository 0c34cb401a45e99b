package modules_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/manifest/format"
)

// TestCanonicalForm: what others learn the language from is as apply fmt writes it.
func TestCanonicalForm(t *testing.T) {
	f := format.New()
	for pattern, least := range map[string]int{"*/main.hcl": 3, "*/example/main.hcl": 3, "../examples/*/main.hcl": 4, "../examples/*/*/main.hcl": 3, "../docs/gen/examples/*.hcl": 16} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) < least {
			t.Fatalf("%s: want at least %d files, got %q: %v", pattern, least, names, err)
		}
		for _, name := range names {
			formatted, src, mistakes := f.File(name)
			if mistakes.HasErrors() {
				t.Errorf("%s: %v", name, mistakes)
			}
			if diff := cmp.Diff(string(formatted), string(src)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}
