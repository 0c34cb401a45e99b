package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func exists(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestFolders(t *testing.T) {
	all := filepath.Join(t.TempDir(), "a", "b")
	left := filepath.Join(all, "left", "of", "a", "process")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	one, err := New(all)
	if err != nil {
		t.Fatal(err)
	}
	if exists(t, left) {
		t.Error("what is left over is not removed")
	}
	if err := os.WriteFile(filepath.Join(one.Dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	two, err := New(all)
	if err != nil {
		t.Fatal(err)
	}
	if !exists(t, filepath.Join(one.Dir, "f")) || one.Dir == two.Dir {
		t.Error("what is in use is taken")
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Fatal(err)
	}
	if exists(t, one.Dir) || exists(t, two.Dir) || !exists(t, all) {
		t.Error("closing removes the folder, and nothing else")
	}
}

// Many at a time sweep while others have made their folder and not locked it yet.
func TestAtOnce(t *testing.T) {
	all := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				f, err := New(all)
				if err != nil {
					t.Error(err)
					return
				}
				if !exists(t, f.Dir) {
					t.Error("a folder that is held is gone")
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
