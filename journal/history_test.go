package journal

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeapply/apply/journal/internal/files"
	"github.com/nodeapply/apply/journal/internal/store"
)

func TestFind(t *testing.T) {
	s := open(t, t.TempDir())
	for _, id := range []string{"01MA1", "01MB1", "01MB2"} {
		if err := s.SaveReport(id, strings.NewReader(`"report"`)); err != nil {
			t.Fatal(err)
		}
	}
	for given, want := range map[string]string{
		"01MB2": "01MB2",
		"01ma":  "01MA1",
		"01MB":  "so begin 2 runs, from 01MB1 to 01MB2",
		"02":    "no run 02 is on record",
		"01MA*": "no run 01MA* is on record",
		"":      "its id is empty",
	} {
		t.Run(given, func(t *testing.T) {
			got, err := s.Find(given)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, want) {
				t.Errorf("want %q, got %q", want, got)
			}
		})
	}
	_, err := s.Find("02")
	_, headErr := s.Head("02")
	for _, err := range []error{err, headErr, s.Report("02", new(any))} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("who reads cannot tell that there is none: %v", err)
		}
	}
}

// Nothing in the folder is waited for: a pipe in the place of any file is an error, or is told and set aside.
func TestPipesInTheFolder(t *testing.T) {
	s := open(t, t.TempDir())
	r, _ := begin(t, s, "1")
	owe(t, r)
	if err := s.SaveReport("1", strings.NewReader(`"report"`)); err != nil {
		t.Fatal(err)
	}
	kept := store.New(filepath.Join(s.dir, "store"))
	sum, err := kept.Put(context.Background(), strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"journal/2.journal", "runs/2.json", "kept"} {
		if err := syscall.Mkfifo(filepath.Join(s.dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Unlink(filepath.Join(s.dir, "store", sum)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(s.dir, "store", sum), 0o600); err != nil {
		t.Fatal(err)
	}
	var report string
	_, getErr := kept.Get(sum)
	_, loadErr := s.Load("kept")
	for what, err := range map[string]error{"content": getErr, "kept": loadErr, "report": s.Report("2", &report)} {
		if err == nil || !strings.Contains(err.Error(), files.ErrNoFile.Error()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	next, warnings := begin(t, s, "3")
	if len(warnings) != 1 || !strings.Contains(warnings[0], "not a file") || len(next.Owed(addr("b"))) != 1 {
		t.Errorf("warnings %q, owed %v", warnings, next.Owed(addr("b")))
	}
}
