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
		add  string // to the end of the journal
		wait time.Duration
		want []resources.Address
	}{
		"a run that died":             {want: []resources.Address{addr("a")}},
		"with a torn end":             {add: `{"begin`, want: []resources.Address{addr("a")}},
		"too long ago to be of value": {wait: 91 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
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
			owed, err := reader.Owed(start.Add(tc.wait))
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

func TestUnended(t *testing.T) {
	s := open(t, t.TempDir())
	ended, _ := begin(t, s, "1")
	owe(t, ended)
	if err := ended.Close(); err != nil {
		t.Fatal(err)
	}
	reported, _ := begin(t, s, "2")
	owe(t, reported)
	if err := s.SaveReport("2", strings.NewReader("{}")); err != nil {
		t.Fatal(err)
	}
	died, _, err := s.Begin("3", "token", "2", start)
	if err != nil {
		t.Fatal(err)
	}
	owe(t, died)
	owe(t, died)
	got, err := s.Unended()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Unended{{ID: "3", Started: start, Undoes: "2", Begun: 1}}, got); diff != "" {
		t.Error(diff)
	}
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
	r, _, err := s.Begin("1", "token", "", start)
	if err != nil {
		t.Fatal(err)
	}
	owe(t, r)
	if got := r.Owed(addr("b")); got != nil {
		t.Errorf("its own debts: %v", got)
	}
	next, _, err := s.Begin("2", "token", "", start.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]resources.Address{addr("a")}, next.Owed(addr("b"))); diff != "" {
		t.Error(diff)
	}
	if newest, err := s.Newest(); err != nil || newest != "1" {
		t.Errorf("the newest is %q, %v", newest, err)
	}
	if err := s.SaveReport("3", strings.NewReader("{}")); err != nil {
		t.Fatal(err)
	}
	if newest, err := s.Newest(); err != nil || newest != "3" {
		t.Errorf("the newest is %q, %v", newest, err)
	}
}
