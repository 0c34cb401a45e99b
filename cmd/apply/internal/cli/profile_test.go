package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Who has made the folder of a profile before, in /tmp say, does not choose what is overwritten.
func TestProfileFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	victim, into := filepath.Join(dir, "victim"), filepath.Join(dir, "into")
	if err := errors.Join(os.WriteFile(victim, []byte("mine"), 0o600), os.Mkdir(into, 0o700)); err != nil {
		t.Fatal(err)
	}
	names := []string{"cpu.pprof", "trace.out", "heap.pprof"}
	for _, name := range names {
		if err := os.Symlink(victim, filepath.Join(into, name)); err != nil {
			t.Fatal(err)
		}
	}
	end, err := profile(into)
	if err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "mine" {
		t.Errorf("the victim holds %d bytes, %v", len(b), err)
	}
	for _, name := range names {
		if info, err := os.Lstat(filepath.Join(into, name)); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
