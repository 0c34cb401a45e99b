package apply

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/host/local"
)

// TestNoProcesses: files, folders and links are made, checked and repaired without a single process, as a command is not.
func TestNoProcesses(t *testing.T) {
	h, err := local.New(local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	text := fmt.Sprintf(`
file %q { ensure = "directory" }
file "conf" {
  for_each = toset([for i in range(200) : tostring(i)])
  path     = "%s/${each.key}"
  content  = each.key
  mode     = "0640"
  owner    = "%d"
}
file "%s/link" { target = "0" }
file "%s/tree" {
  source  = %q
  recurse = true
}
`, root, root, os.Getuid(), root, root, filepath.Join(dir, "from"))
	if err := os.MkdirAll(filepath.Join(dir, "from", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(text string, changed int) int64 {
		t.Helper()
		manifest := filepath.Join(dir, "main.hcl")
		if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := h.Started()
		m, err := Load(t.Context(), manifest, Options{Host: h})
		if err != nil {
			t.Fatal(err)
		}
		rep, err := m.Converge(t.Context(), engine.Options{Parallel: 2})
		if err != nil || rep.Counts().Failed > 0 || rep.Counts().Changed != changed {
			t.Fatalf("want %d changed, got %+v: %v", changed, rep.Counts(), err)
		}
		return h.Started() - before
	}
	if n := run(text, 203); n != 0 {
		t.Errorf("the first run started %d processes", n)
	}
	if n := run(text, 0); n != 0 {
		t.Errorf("a run with nothing to do started %d processes", n)
	}
	if n := run(strings.ReplaceAll(text, `"0640"`, `"0600"`), 200); n != 0 {
		t.Errorf("a change of modes started %d processes", n)
	}
	if n := run("exec \"true\" { command = [\"true\"] }\n", 1); n != 1 {
		t.Errorf("a command started %d processes, want 1: the others were not counted", n)
	}
}
