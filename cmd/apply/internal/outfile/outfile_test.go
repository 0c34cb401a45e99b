package outfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alone fails the test where something else than these names is in a folder.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(names) {
		t.Errorf("%v is in the folder, want %v", entries, names)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name, victim, link := filepath.Join(dir, "out"), filepath.Join(dir, "victim"), filepath.Join(dir, "link")
	if err := errors.Join(WriteBytes(name, 0o600, []byte("old")), WriteBytes(victim, 0o600, []byte("mine")), os.Symlink("victim", link)); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(name, 0o640, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, name); got != "new" || info.Mode() != 0o640 {
		t.Errorf("%q, mode %v", got, info.Mode())
	}
	if err := WriteBytes(link, 0o600, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if read(t, victim) != "mine" || read(t, link) != "x" {
		t.Error("the link was followed")
	}
	broken := errors.New("broken")
	err = Write(name, 0o600, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) || read(t, name) != "new" {
		t.Errorf("after %v it holds %q", err, read(t, name))
	}
	alone(t, dir, "out", "victim", "link")
}

func TestProbe(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "folder"), 0o700), syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600),
		os.Symlink("nowhere", filepath.Join(dir, "link")), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"new": "", "file": "", "link": "", "folder": "is no regular file", "fifo": "is no regular file", "none/new": "none: no such file or directory", "file/new": "not a directory",
	} {
		err := Probe(filepath.Join(dir, name))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: want %q, got %v", name, want, err)
		}
	}
	alone(t, dir, "folder", "fifo", "link", "file")
}

// A name may be as long as the file system allows.
func TestLongName(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, strings.Repeat("n", 255))
	if err := errors.Join(Probe(name), WriteBytes(name, 0o600, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	if read(t, name) != "x" {
		t.Error("it is not there")
	}
	alone(t, dir, filepath.Base(name))
}

// What is written anew for its owner stays his.
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "out"), filepath.Join(dir, "link")
	owner := os.Geteuid()
	if owner == 0 {
		owner = 4242
	}
	if err := errors.Join(WriteBytes(name, 0o640, []byte("old")), os.Chown(name, owner, -1), os.Symlink("out", link)); err != nil {
		t.Fatal(err)
	}
	if err := Rewrite(name, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != owner || info.Mode() != 0o640 || read(t, name) != "new" {
		t.Errorf("%v, %+v", info.Mode(), st)
	}
	if err := Rewrite(link, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "out" || read(t, name) != "x" {
		t.Errorf("the link leads to %q, %v; the file is %q", to, err, read(t, name))
	}
	if err := Rewrite(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("a link of somebody else is not tried: only root can make one")
	}
	if err := os.Lchown(link, 4243, -1); err != nil {
		t.Fatal(err)
	}
	if err := Rewrite(link, []byte("y")); err == nil || !strings.Contains(err.Error(), "a symbolic link of uid 4243 leads to") || read(t, name) != "x" {
		t.Errorf("by somebody else's link: %v", err)
	}
}
