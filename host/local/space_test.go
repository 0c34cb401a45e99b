package local_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSpace(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := opened(t, dir)
	var want unix.Statfs_t
	if err := unix.Statfs(dir, &want); err != nil {
		t.Fatal(err)
	}
	got, err := l.Space("/")
	if err != nil {
		t.Fatal(err)
	}
	if size := want.Blocks * uint64(want.Frsize); got.Size != size || got.Free > size || got.Available > got.Free {
		t.Errorf("got %+v, want the size %d and no more than that free", got, size)
	}
	if _, err := l.Space("/none"); err == nil {
		t.Error("no error for what is not there")
	}
}
