package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
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

// In the folder for temporary files, where others are too, what is removed is this user's, and left over.
func TestTemp(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	at := func(name string) string { return filepath.Join(tmp, name) }
	precious := t.TempDir()
	kept := []string{"other-1", "mine-link", "mine-file", "mine-fifo"}
	if err := errors.Join(os.Mkdir(at("mine-left"), 0o700), os.Mkdir(at("other-1"), 0o700), os.Symlink(precious, at("mine-link")),
		os.WriteFile(at("mine-file"), nil, 0o600), syscall.Mkfifo(at("mine-fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Mkdir(at("mine-others"), 0o777), os.Chown(at("mine-others"), 4242, 4242)); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, "mine-others")
	}
	f, err := Temp("mine-")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range kept {
		if !exists(t, at(name)) {
			t.Errorf("%s is gone", name)
		}
	}
	if exists(t, at("mine-left")) || !exists(t, precious) {
		t.Error("what is left over is there, or more is gone")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
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
