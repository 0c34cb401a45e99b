package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

// What a plan knows as owed is what the next run would know, and reading it leaves everything as it is.
func TestOwedWithoutARun(t *testing.T) {
	for name, tc := range map[string]struct {
		dir  string // below a temporary folder
		add  string // to the end of the journal
		want []resources.Address
	}{
		"a run that died":           {want: []resources.Address{addr("a")}},
		"a folder with odd letters": {dir: `[a-c]*?\`, want: []resources.Address{addr("a")}},
		"with a torn end":           {add: `{"begin`, want: []resources.Address{addr("a")}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), tc.dir)
			s := open(t, dir)
			r, _ := begin(t, s, "1")
			owe(t, r)
			file := filepath.Join(dir, "journal", "1.journal")
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(tc.add); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			reader, err := ReadState(dir)
			if err != nil {
				t.Fatal(err)
			}
			owed, err := reader.Owed(Manifest{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, owed(addr("b"))); diff != "" {
				t.Error(diff)
			}
			if got := owed(addr("a")); got != nil {
				t.Errorf("a is owed %v", got)
			}
			after, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(before), string(after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnreported(t *testing.T) {
	s := open(t, t.TempDir())
	for id, undoes := range map[string]string{"1": "", "2": "", "3": "", "4": "2"} {
		r, _, err := s.Begin(id, "token", undoes, Manifest{}, start)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		owe(t, r)
		owe(t, r)
		if id == "4" {
			continue // it died
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	list := func(want ...Unreported) {
		t.Helper()
		got, err := s.Unreported()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	died := Unreported{ID: "4", Started: start, Undoes: "2", Begun: 1}
	ended := func(id string) Unreported { return Unreported{ID: id, Started: start, Begun: 1, Ended: true} }
	list(died, ended("3"), ended("2"), ended("1"))
	if err := s.SaveReport("2", strings.NewReader("{}")); err != nil {
		t.Fatal(err)
	}
	list(died, ended("3")) // the report of 1 is no longer kept
}

func TestReadStateChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadState(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := ReadState(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A clock that was set back hides nothing of what is owed, and what a run owes itself is none of it.
func TestOwedUnderAClockSetBack(t *testing.T) {
	s := open(t, t.TempDir())
	r, _, err := s.Begin("1", "token", "", Manifest{}, start)
	if err != nil {
		t.Fatal(err)
	}
	owe(t, r)
	if got := r.Owed(addr("b")); got != nil {
		t.Errorf("its own debts: %v", got)
	}
	next, _, err := s.Begin("2", "token", "", Manifest{}, start.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]resources.Address{addr("a")}, next.Owed(addr("b"))); diff != "" {
		t.Error(diff)
	}
	if newest, err := s.newest(); err != nil || newest != "1" {
		t.Errorf("the newest is %q, %v", newest, err)
	}
	if err := s.SaveReport("3", strings.NewReader("{}")); err != nil {
		t.Fatal(err)
	}
	if newest, err := s.newest(); err != nil || newest != "3" {
		t.Errorf("the newest is %q, %v", newest, err)
	}
}
