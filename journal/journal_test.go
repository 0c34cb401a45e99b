package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/journal/internal/lines"
	"github.com/nodeapply/apply/resources"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func addr(title string) resources.Address { return resources.Address{Type: "file", Title: title} }

func open(t *testing.T, dir string) *State {
	t.Helper()
	s, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func begin(t *testing.T, s *State, id string) (*Run, []string) {
	t.Helper()
	r, warnings, err := s.Begin(id, "token", "", Manifest{}, start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, warnings
}

// owe records that a changed and owes b a refresh.
func owe(t *testing.T, r *Run) {
	t.Helper()
	if err := r.Begin(t.Context(), addr("a"), resources.Diff{}, []resources.Address{addr("b")}, nil); err != nil {
		t.Fatal(err)
	}
}

func TestOwedRefreshes(t *testing.T) {
	t.Run("a run that dies leaves what it owes", func(t *testing.T) {
		s := open(t, t.TempDir())
		r, _ := begin(t, s, "1")
		owe(t, r)
		next, _ := begin(t, s, "2")
		if diff := cmp.Diff([]resources.Address{addr("a")}, next.Owed(addr("b"))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what was delivered is owed no longer", func(t *testing.T) {
		s := open(t, t.TempDir())
		r, _ := begin(t, s, "1")
		owe(t, r)
		if err := r.Settled(t.Context(), addr("b")); err != nil {
			t.Fatal(err)
		}
		next, _ := begin(t, s, "2")
		if got := next.Owed(addr("b")); got != nil {
			t.Errorf("still owed: %v", got)
		}
	})
	t.Run("it is carried over runs that do not deliver it", func(t *testing.T) {
		s := open(t, t.TempDir())
		r, _ := begin(t, s, "1")
		owe(t, r)
		r2, _ := begin(t, s, "2")
		if err := r2.Begin(t.Context(), addr("c"), resources.Diff{}, nil, nil); err != nil {
			t.Fatal(err)
		}
		r3, _ := begin(t, s, "3")
		if len(r3.Owed(addr("b"))) != 1 {
			t.Error("lost")
		}
	})
	t.Run("what is owed to all that a target becomes is owed to each, also when the run dies", func(t *testing.T) {
		s := open(t, t.TempDir())
		r, _ := begin(t, s, "1")
		owe(t, r)
		for n, target := range []string{"b", "none"} { // nothing is owed to the other
			if err := r.Divided(t.Context(), addr(target), []resources.Address{addr(fmt.Sprint("b", n)), addr("b2")}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Settled(t.Context(), addr("b0")); err != nil {
			t.Fatal(err)
		}
		for id := range 2 { // as it died, and as it was carried over
			next, _ := begin(t, s, fmt.Sprint(2+id))
			owed := map[string][]resources.Address{}
			for _, target := range []string{"b", "b0", "b1", "b2", "none"} {
				if got := next.Owed(addr(target)); got != nil {
					owed[target] = got
				}
			}
			if diff := cmp.Diff(map[string][]resources.Address{"b2": {addr("a")}}, owed); diff != "" {
				t.Error(diff)
			}
			if err := next.Begin(t.Context(), addr("c"), resources.Diff{}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("what a run divides it delivers, or leaves to the next", func(t *testing.T) {
		s := open(t, t.TempDir())
		r, _ := begin(t, s, "1")
		owe(t, r)
		next, _ := begin(t, s, "2")
		if err := next.Divided(t.Context(), addr("b"), []resources.Address{addr("b1"), addr("b2")}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]resources.Address{addr("a")}, next.Owed(addr("b1"))); diff != "" || next.Owed(addr("b")) != nil {
			t.Error(diff, next.Owed(addr("b")))
		}
		if err := next.Settled(t.Context(), addr("b1")); err != nil {
			t.Fatal(err)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
		last, _ := begin(t, s, "3")
		if diff := cmp.Diff([]resources.Address{addr("a")}, last.Owed(addr("b2"))); diff != "" || last.Owed(addr("b1")) != nil {
			t.Error(diff, last.Owed(addr("b1")))
		}
	})
	t.Run("it is on disk once the resource changes something", func(t *testing.T) {
		s := open(t, t.TempDir())
		r, _ := begin(t, s, "1")
		if err := r.Begin(t.Context(), addr("x"), resources.Diff{}, nil, nil); err != nil { // the first is written at once
			t.Fatal(err)
		}
		owe(t, r)
		if err := r.Op(t.Context(), addr("a"), nil, host.Op{Kind: host.OpRun, Name: "true"}); err != nil {
			t.Fatal(err)
		}
		next, _ := begin(t, s, "2")
		if len(next.Owed(addr("b"))) != 1 {
			t.Error("lost")
		}
	})
	t.Run("it is on disk once the run has ended", func(t *testing.T) {
		s := open(t, t.TempDir())
		r, _ := begin(t, s, "1")
		owe(t, r)
		if err := r.Begin(t.Context(), addr("c"), resources.Diff{}, []resources.Address{addr("d")}, nil); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		next, _, err := s.Begin("2", "token", "", Manifest{}, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if len(next.Owed(addr("d"))) != 1 {
			t.Error("lost")
		}
	})
	t.Run("a run that changes nothing writes nothing", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		r, _ := begin(t, s, "1")
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "journal")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a journal was made: %v", err)
		}
	})
}

func TestDamage(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage func(content []byte) []byte
		owed   int
		warn   string
		aside  bool
	}{
		{"whole", func(b []byte) []byte { return b }, 1, "", false},
		{"torn tail", func(b []byte) []byte { return append(b, "0123abcd {\"op\""...) }, 1, "its end is torn", false},
		{"torn in the last record", func(b []byte) []byte { return b[:len(b)-5] }, 0, "its end is torn", false},
		{"a bit flipped in the middle", func(b []byte) []byte { b[20] ^= 1; return b }, 0, "damaged", true},
		{"zeroed", func(b []byte) []byte { return make([]byte, len(b)) }, 0, "damaged", true},
		{"truncated to nothing", func([]byte) []byte { return nil }, 0, "damaged", true},
		{"of a newer version", func([]byte) []byte {
			line, _ := lines.Append(nil, []byte(`{"run":{"version":99,"id":"1"}}`))
			return append(line, line...)
		}, 0, "newer version", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			r, _ := begin(t, s, "1")
			owe(t, r)
			name := s.journals.Path("1")
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, tc.damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			next, warnings := begin(t, s, "2")
			if got := len(next.Owed(addr("b"))); got != tc.owed {
				t.Errorf("want %d owed, got %d", tc.owed, got)
			}
			if got := strings.Join(warnings, "\n"); !strings.Contains(got, tc.warn) || tc.warn == "" && got != "" {
				t.Errorf("want a warning of %q, got %q", tc.warn, got)
			}
			if _, err := os.Stat(name + ".damaged"); (err == nil) != tc.aside {
				t.Errorf("set aside: %v", err == nil)
			}
			owe(t, next) // and the run goes on
		})
	}
}

// What is no folder where one is to be is told, moved away, and the run goes on.
func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, "journal"), nil, 0o600), os.WriteFile(filepath.Join(dir, "store"), nil, 0o600), os.Symlink("nowhere", filepath.Join(dir, "runs")),
	)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	r, warnings := begin(t, s, "1")
	if len(warnings) != 3 || !strings.Contains(warnings[0], "journal is no folder; set aside as journal.damaged") {
		t.Errorf("warnings: %q", warnings)
	}
	v := hosttest.New(t, "-- x --\nold\n")
	if err := r.Op(t.Context(), addr("a"), v, host.Op{Kind: host.OpWrite, Name: "/x"}); err != nil {
		t.Error(err)
	}
	if err := s.SaveReport("1", strings.NewReader("{}")); err != nil {
		t.Error(err)
	}
	if _, warnings := begin(t, s, "2"); warnings != nil {
		t.Errorf("told again: %q", warnings)
	}
}

func TestStateFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(filepath.Join(dir, "file")); err == nil {
		t.Error("a file was taken for a folder")
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(open); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(open)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("want 0700, got %v, %v", info.Mode(), err)
	}
}

func TestAppendsShareASync(t *testing.T) {
	s := open(t, t.TempDir())
	r, _ := begin(t, s, "1")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			a := addr(fmt.Sprint(i))
			if err := r.Begin(t.Context(), a, resources.Diff{}, nil, json.RawMessage(`{}`)); err != nil {
				t.Error(err)
			}
			if err := r.Op(t.Context(), a, nil, host.Op{Kind: host.OpRun, Name: "true"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p, dmg, err := s.journals.Read("1")
	if err != nil || dmg != nil || len(p.Ops) != 400 {
		t.Errorf("want 400 records, got %d, %v, %v", len(p.Ops), dmg, err)
	}
}

// A state folder elsewhere, by a link of one's own, is the one that is used.
func TestStateByLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "there"), 0o755), os.Symlink("there", link)); err != nil {
		t.Fatal(err)
	}
	s, err := OpenState(link)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(dir, "there"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Dir() != filepath.Join(dir, "there") || info.Mode().Perm() != 0o700 {
		t.Errorf("%s, mode %v", s.Dir(), info.Mode())
	}
	if os.Geteuid() != 0 {
		t.Skip("a link of somebody else is not tried: only root can make one")
	}
	if err := os.Lchown(link, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(link); err == nil || !strings.Contains(err.Error(), "belongs to uid 65534") {
		t.Errorf("by somebody else's link: %v", err)
	}
}
