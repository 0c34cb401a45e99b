package lab_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nodeapply/apply/e2e/lab"
)

// TestBuild builds two programs of one name, as two working trees do: each stays what it is. What a killed build has left goes.
func TestBuild(t *testing.T) {
	cache, module := t.TempDir(), t.TempDir()
	t.Setenv("APPLY_LAB_CACHE", cache)
	t.Chdir(module)
	left, old := filepath.Join(cache, "bin", ".build-1"), time.Now().Add(-5*time.Hour)
	check(t, os.MkdirAll(left, 0o755))
	check(t, os.Chtimes(left, old, old))
	check(t, os.Mkdir("hello", 0o755))
	check(t, os.WriteFile("go.mod", []byte("module example.org/x\n"), 0o644))
	names := map[string]string{}
	for _, word := range []string{"one", "two", "two"} {
		check(t, os.WriteFile("hello/main.go", fmt.Appendf(nil, "package main\n\nfunc main() { print(%q) }\n", word), 0o644))
		name, err := lab.Build(t.Context(), "./hello")
		check(t, err)
		names[word] = name
	}
	for word, name := range names {
		said, err := exec.CommandContext(t.Context(), name).CombinedOutput()
		check(t, err)
		wantEqual(t, filepath.Base(name), word, string(said))
	}
	if _, err := os.Lstat(left); !os.IsNotExist(err) {
		t.Errorf("%s is left (%v)", left, err)
	}
	programs, err := filepath.Glob(filepath.Join(cache, "bin", "*", "hello"))
	check(t, err)
	wantEqual(t, "programs", 2, len(programs))
}
