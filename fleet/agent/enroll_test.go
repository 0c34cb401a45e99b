package agent_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/fleet/agent"
)

// TestJoinFolders: the agent's folder is its own, what is above it is everybody's, such as /etc/apply with the settings of all users' runs.
func TestJoinFolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "apply", "agent")
	if err := agent.Join(dir, strings.NewReader(""), io.Discard); err == nil {
		t.Error("nothing is granted, and taken")
	}
	for name, want := range map[string]fs.FileMode{dir: 0o700, filepath.Dir(dir): 0o755} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: want mode %v, got %v", filepath.Base(name), want, info.Mode().Perm())
		}
	}
}
