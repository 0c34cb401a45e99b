package journal

import (
	"context"
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
	r, warnings, err := s.Begin(id, "token", "", start)
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
		next, _, err := s.Begin("2", "token", "", time.Now().Add(time.Hour))
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
			r := record{Run: &runRecord{Version: 99, ID: "1"}}
			return linesOf(r, r)
		}, 0, "newer version", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			r, _ := begin(t, s, "1")
			owe(t, r)
			name := filepath.Join(dir, "journal", "1"+suffix)
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

// changed does what fn does to the node, recorded as resource title of run id.
func changed(t *testing.T, s *State, h host.Host, id, title string, fn func(ctx context.Context, h host.Host) error) {
	t.Helper()
	r, _ := begin(t, s, id)
	ctx := t.Context()
	if err := r.Begin(ctx, addr(title), resources.Diff{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := fn(ctx, host.Recording(h, teller{r, addr(title)})); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Ended(ctx, addr(title), h), r.Close()); err != nil {
		t.Fatal(err)
	}
}

type teller struct {
	r *Run
	a resources.Address
}

func (l teller) Before(ctx context.Context, v host.View, op host.Op) error {
	return l.r.Op(ctx, l.a, v, op)
}

func undoAll(t *testing.T, s *State, h host.Host, id string) {
	t.Helper()
	u, err := s.PlanUndo(h, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range u.Steps {
		if err := s.Apply(t.Context(), h, step, nil); err != nil {
			t.Fatalf("%s: %v", step.What, err)
		}
	}
}

func TestUndoGivesTheTreeBack(t *testing.T) {
	const tree = "-- etc/motd 0640 daemon:bin --\nold\n-- etc/link -> /old --\n-- etc/dir/ 0750 --\n-- etc/dir/sub/ --\n-- etc/dir/sub/file 0600 --\nin it\n"
	mode := uint32(0o600)
	for name, change := range map[string]func(ctx context.Context, h host.Host) error{
		"content": func(ctx context.Context, h host.Host) error {
			return h.WriteFile(ctx, "/etc/motd", host.NewFile{Content: strings.NewReader("new")})
		},
		"mode, then content": func(ctx context.Context, h host.Host) error {
			return errors.Join(h.SetMeta(ctx, "/etc/motd", host.Meta{Mode: &mode}), h.WriteFile(ctx, "/etc/motd", host.NewFile{Content: strings.NewReader("new")}))
		},
		"content twice": func(ctx context.Context, h host.Host) error {
			return errors.Join(h.WriteFile(ctx, "/etc/motd", host.NewFile{Content: strings.NewReader("new")}), h.WriteFile(ctx, "/etc/motd", host.NewFile{Content: strings.NewReader("newer")}))
		},
		"new file in a new folder": func(ctx context.Context, h host.Host) error {
			return errors.Join(h.Mkdir(ctx, "/new", host.Meta{}), h.WriteFile(ctx, "/new/file", host.NewFile{Content: strings.NewReader("x")}))
		},
		"removed file":   func(ctx context.Context, h host.Host) error { return h.Remove(ctx, "/etc/motd", false) },
		"removed folder": func(ctx context.Context, h host.Host) error { return h.Remove(ctx, "/etc/dir", true) },
		"link":           func(ctx context.Context, h host.Host) error { return h.Symlink(ctx, "/new", "/etc/link") },
		"file to link": func(ctx context.Context, h host.Host) error {
			return errors.Join(h.Remove(ctx, "/etc/motd", false), h.Symlink(ctx, "/x", "/etc/motd"))
		},
		"mode of a folder": func(ctx context.Context, h host.Host) error {
			return h.SetMeta(ctx, "/etc/dir", host.Meta{Mode: &mode})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			s := open(t, t.TempDir())
			before := h.Snapshot()
			changed(t, s, h, "1", "x", change)
			if h.Snapshot() == before {
				t.Fatal("nothing was changed")
			}
			undoAll(t, s, h, "1")
			if diff := cmp.Diff(before, h.Snapshot()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUndoRefuses(t *testing.T) {
	write := func(content string) func(ctx context.Context, h host.Host) error {
		return func(ctx context.Context, h host.Host) error {
			return h.WriteFile(ctx, "/f", host.NewFile{Content: strings.NewReader(content)})
		}
	}
	t.Run("what has changed since", func(t *testing.T) {
		h := hosttest.New(t, "-- f --\nold\n")
		s := open(t, t.TempDir())
		changed(t, s, h, "1", "x", write("new"))
		if err := write("newer")(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		u, err := s.PlanUndo(h, "1")
		if err != nil {
			t.Fatal(err)
		}
		if all, blocking := u.Refused(); all != 1 || blocking != 1 || u.Steps[0].Refused != "it has changed since" {
			t.Errorf("want a refusal, got %+v", u)
		}
	})
	t.Run("what a command did, which holds up nothing", func(t *testing.T) {
		h := hosttest.New(t, "-- f --\nold\n")
		s := open(t, t.TempDir())
		changed(t, s, h, "1", "x", write("new"))
		r, _ := begin(t, s, "2")
		if err := r.Begin(t.Context(), addr("c"), resources.Diff{Changes: []resources.Change{{Attr: "command", Irreversible: true}}}, nil, nil); err != nil {
			t.Fatal(err)
		}
		u, err := s.PlanUndo(h, "2")
		if err != nil {
			t.Fatal(err)
		}
		if all, blocking := u.Refused(); all != 1 || blocking != 0 {
			t.Errorf("%d refused, %d block: %+v", all, blocking, u)
		}
	})
	t.Run("a folder with a stranger in it", func(t *testing.T) {
		h := hosttest.New(t, "")
		s := open(t, t.TempDir())
		changed(t, s, h, "1", "x", func(ctx context.Context, h host.Host) error { return h.Mkdir(ctx, "/d", host.Meta{}) })
		if err := h.WriteFile(t.Context(), "/d/f", host.NewFile{Content: strings.NewReader("mine")}); err != nil {
			t.Fatal(err)
		}
		u, err := s.PlanUndo(h, "1")
		if err != nil {
			t.Fatal(err)
		}
		if all, blocking := u.Refused(); all != 1 || blocking != 1 {
			t.Errorf("want a refusal, got %+v", u)
		}
	})
	t.Run("an unknown run", func(t *testing.T) {
		if _, err := open(t, t.TempDir()).PlanUndo(hosttest.New(t, ""), "7"); err == nil || !strings.Contains(err.Error(), "no run 7") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a run that was undone", func(t *testing.T) {
		h := hosttest.New(t, "-- f --\nold\n")
		s := open(t, t.TempDir())
		changed(t, s, h, "1", "x", write("new"))
		r, _, err := s.Begin("2", "token", "1", start)
		if err != nil {
			t.Fatal(err)
		}
		owe(t, r)
		if _, err := s.PlanUndo(h, "1"); err == nil || !strings.Contains(err.Error(), "undone already, by run 2") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	if err := a.Lock(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if err := b.Lock(t.Context(), 0); !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Errorf("want a HeldError of pid %d, got %v", os.Getpid(), err)
	}
	var wg sync.WaitGroup
	got := make(chan error, 1)
	wg.Go(func() { got <- b.Lock(t.Context(), time.Minute) })
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := <-got; err != nil {
		t.Errorf("after the first gave it back: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
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
	p, dmg, err := s.read("1")
	if err != nil || dmg != nil || len(p.ops) != 400 {
		t.Errorf("want 400 records, got %d, %v, %v", len(p.ops), dmg, err)
	}
}

// linesOf returns records as they are in a journal.
func linesOf(records ...record) (all []byte) {
	_ = encoded(records, func(b []byte) error {
		all = b
		return nil
	})
	return all
}

func FuzzDecode(f *testing.F) {
	line := linesOf(record{Run: &runRecord{Version: 1, ID: "x"}})
	f.Add(line)
	f.Add(append(line, "00000000 {}\n"...))
	f.Add([]byte("zzzzzzzz {}\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p past
		dmg, err := decode(strings.NewReader(string(b)), p.add)
		if err != nil {
			t.Fatal(err)
		}
		if dmg != nil && (dmg.Offset < 0 || dmg.Offset > int64(len(b))) {
			t.Fatalf("offset %d of %d", dmg.Offset, len(b))
		}
	})
}

func TestManaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	none, err := s.Managed("/main.hcl")
	if none != nil || err != nil {
		t.Fatalf("want nothing, got %v, %v", none, err)
	}
	want := []ManagedResource{
		{Address: addr("a"), Sum: "1", Names: []string{"/a"}, Removal: json.RawMessage(`{"ensure":"absent"}`)},
		{Address: addr("<b>"), Sum: "2"},
	}
	if err := s.SaveManaged("/main.hcl", "all", want, nil); err != nil {
		t.Fatal(err)
	}
	m, err := s.Managed("/main.hcl")
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Resources()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if m.Sum != "all" || !m.Whole {
		t.Errorf("want all, whole; got %s, %v", m.Sum, m.Whole)
	}
	if other, err := s.Managed("/other.hcl"); other != nil || err != nil {
		t.Errorf("another source knows %v, %v", other, err)
	}
	t.Run("what is the same is not written", func(t *testing.T) {
		name := filepath.Join(dir, managedName("/main.hcl"))
		before, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SaveManaged("/main.hcl", "all", want, m); err != nil {
			t.Fatal(err)
		}
		if after, err := os.Stat(name); err != nil || !os.SameFile(before, after) {
			t.Errorf("it is another file: %v", err)
		}
		want[1].Sum = ""
		if err := s.SaveManaged("/main.hcl", "all", want, m); err != nil {
			t.Fatal(err)
		}
		if after, err := s.Managed("/main.hcl"); err != nil || after.Whole {
			t.Errorf("want it not whole: %v", err)
		}
	})
	t.Run("damage is told", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, managedName("/main.hcl")), []byte{0, 1}, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Managed("/main.hcl"); err == nil {
			t.Error("no error")
		}
	})
}
