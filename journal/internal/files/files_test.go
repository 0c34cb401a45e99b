package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, file, want string
		err              error
	}{
		{"a file", "file", "content", nil},
		{"a pipe", "pipe", "", ErrNoFile},
		{"a folder", "", "", ErrNoFile},
		{"nothing", "none", "", os.ErrNotExist},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Read(filepath.Join(dir, tc.file))
			if !errors.Is(err, tc.err) {
				t.Errorf("want %v, got %v", tc.err, err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// cutShort writes less than it should.
type cutShort struct{ err error }

func (c cutShort) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, "par")
	return int64(n), errors.Join(err, c.err)
}

func TestWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "folder", "file")
	for _, content := range []string{"a longer one", "short"} {
		if err := Write(name, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != content {
			t.Errorf("want %q, got %q, %v", content, got, err)
		}
	}
	full := errors.New("the disk is full")
	if err := Write(name, cutShort{full}); !errors.Is(err, full) {
		t.Errorf("want %v, got %v", full, err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "short" {
		t.Errorf("want the old content, got %q, %v", got, err)
	}
	left, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(left) != 1 {
		t.Errorf("want the file alone, got %v, %v", left, err)
	}
}

func TestRuns(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"2.json", "10.json", "3.json", "4.journal", "new"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for folder, want := range map[string][]string{dir: {"3", "2", "10"}, filepath.Join(dir, "none"): {}} { // ids are as long as each other, and sort by time
		got, err := Runs(folder, ".json")
		if diff := cmp.Diff(strings.Join(want, " "), strings.Join(got, " ")); diff != "" || err != nil {
			t.Errorf("%s%v", diff, err)
		}
	}
}
