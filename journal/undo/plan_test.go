package undo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/recording"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/resources"
)

func open(t *testing.T) *journal.State {
	t.Helper()
	s, err := journal.OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func begin(t *testing.T, s *journal.State, id, undoes string) *journal.Run {
	t.Helper()
	r, _, err := s.Begin(id, "token", undoes, journal.Manifest{}, started)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// recorded does what fn does to the node, as resource motd of run id.
func recorded(t *testing.T, s *journal.State, h host.Host, id string, fn func(ctx context.Context, h host.Host) error) {
	t.Helper()
	r := begin(t, s, id, "")
	ctx := t.Context()
	if err := r.Begin(ctx, motd, resources.Diff{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := fn(ctx, recording.Of(h, recorder{r, motd})); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Ended(ctx, motd, h), r.Close()); err != nil {
		t.Fatal(err)
	}
}

// undoAll undoes run id, all of it, as a run of its own.
func undoAll(t *testing.T, s *journal.State, h *hosttest.Host, id string) {
	t.Helper()
	p, err := PlanOf(t.Context(), s, h, nil, id)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(t.Context(), s, h.Node, p, Options{ID: id + "u"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rep.Results {
		if r.Error != nil {
			t.Fatal(r.Error.Summary)
		}
	}
	if len(rep.Results) != len(p.Steps) {
		t.Fatalf("%d steps, %d taken", len(p.Steps), len(rep.Results))
	}
}

func TestPlanGivesTheTreeBack(t *testing.T) {
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
			s := open(t)
			before := h.Snapshot()
			recorded(t, s, h, "1", change)
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

func TestPlanRefuses(t *testing.T) {
	write := func(content string) func(ctx context.Context, h host.Host) error {
		return func(ctx context.Context, h host.Host) error {
			return h.WriteFile(ctx, "/f", host.NewFile{Content: strings.NewReader(content)})
		}
	}
	t.Run("what has changed since", func(t *testing.T) {
		h := hosttest.New(t, "-- f --\nold\n")
		s := open(t)
		recorded(t, s, h, "1", write("new"))
		if err := write("newer")(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		u, err := PlanOf(t.Context(), s, h, nil, "1")
		if err != nil {
			t.Fatal(err)
		}
		if all, blocking := u.Refused(); all != 1 || blocking != 1 || u.Steps[0].Refused != "it has changed since" {
			t.Errorf("want a refusal, got %+v", u)
		}
	})
	t.Run("what a command did, which holds up nothing", func(t *testing.T) {
		h := hosttest.New(t, "-- f --\nold\n")
		s := open(t)
		recorded(t, s, h, "1", write("new"))
		r := begin(t, s, "2", "")
		if err := r.Begin(t.Context(), dial, resources.Diff{Changes: []resources.Change{{Attr: "command", Irreversible: true}}}, nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := r.Op(t.Context(), dial, h, host.Op{Kind: host.OpRun, Name: "/bin/sh"}); err != nil {
			t.Fatal(err)
		}
		u, err := PlanOf(t.Context(), s, h, nil, "2")
		if err != nil {
			t.Fatal(err)
		}
		if all, blocking := u.Refused(); all != 1 || blocking != 0 {
			t.Errorf("%d refused, %d block: %+v", all, blocking, u)
		}
	})
	t.Run("a folder with a stranger in it", func(t *testing.T) {
		h := hosttest.New(t, "")
		s := open(t)
		recorded(t, s, h, "1", func(ctx context.Context, h host.Host) error { return h.Mkdir(ctx, "/d", host.Meta{}) })
		if err := h.WriteFile(t.Context(), "/d/f", host.NewFile{Content: strings.NewReader("mine")}); err != nil {
			t.Fatal(err)
		}
		u, err := PlanOf(t.Context(), s, h, nil, "1")
		if err != nil {
			t.Fatal(err)
		}
		if all, blocking := u.Refused(); all != 1 || blocking != 1 {
			t.Errorf("want a refusal, got %+v", u)
		}
	})
	t.Run("an unknown run", func(t *testing.T) {
		if _, err := PlanOf(t.Context(), open(t), hosttest.New(t, ""), nil, "7"); err == nil || !strings.Contains(err.Error(), "no run 7") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a run that was undone", func(t *testing.T) {
		h := hosttest.New(t, "-- f --\nold\n")
		s := open(t)
		recorded(t, s, h, "1", write("new"))
		r := begin(t, s, "2", "1")
		if err := r.Begin(t.Context(), motd, resources.Diff{}, nil, nil); err != nil {
			t.Fatal(err)
		}
		if u, err := PlanOf(t.Context(), s, h, nil, "1"); err != nil || len(u.Steps) != 1 {
			t.Errorf("before the undo came to its end: %v, %v", u, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := PlanOf(t.Context(), s, h, nil, "1"); err == nil || !strings.Contains(err.Error(), "undone already, by run 2") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLastChange(t *testing.T) {
	h := hosttest.New(t, "-- f --\nold\n")
	s := open(t)
	last := func(want string) {
		t.Helper()
		if got, err := LastChange(s, h); err != nil || got != want {
			t.Errorf("run %s is to be undone (%v), want %s", got, err, want)
		}
	}
	recorded(t, s, h, "1", func(ctx context.Context, h host.Host) error {
		return h.WriteFile(ctx, "/f", host.NewFile{Content: strings.NewReader("new")})
	})
	// A write that is announced and fails, as on a full disk.
	r := begin(t, s, "2", "")
	if err := errors.Join(r.Begin(t.Context(), motd, resources.Diff{}, nil, nil),
		r.Op(t.Context(), motd, h, host.Op{Kind: host.OpWrite, Name: "/f"}), r.Ended(t.Context(), motd, h), r.Close()); err != nil {
		t.Fatal(err)
	}
	last("1")
	if u, err := PlanOf(t.Context(), s, h, nil, "2"); err != nil || len(u.Steps) != 0 {
		t.Errorf("nothing was written: %v, %+v", err, u)
	}
	// A resource that gives up before it does anything.
	r = begin(t, s, "3", "")
	if err := errors.Join(r.Begin(t.Context(), dial, resources.Diff{}, nil, []byte(`"before"`)), r.Close()); err != nil {
		t.Fatal(err)
	}
	last("1")
	if u, err := PlanOf(t.Context(), s, h, nil, "3"); err != nil || len(u.Steps) != 0 {
		t.Errorf("there is nothing to be put back: %v, %+v", err, u)
	}
	// What was changed since is not what it was before.
	recorded(t, s, h, "4", func(ctx context.Context, h host.Host) error { return h.Remove(ctx, "/f", false) })
	last("4")
	if err := h.WriteFile(t.Context(), "/f", host.NewFile{Content: strings.NewReader("mine")}); err != nil {
		t.Fatal(err)
	}
	last("4")
}

// A folder that the run made and mounted something on looks like what is mounted: it goes when that is gone.
func TestFolderUnderAMount(t *testing.T) {
	h := hosttest.New(t, "")
	h.Mount(host.Mount{Point: "/d", FSType: "tmpfs"})
	s := open(t)
	r := begin(t, s, "1", "")
	ctx, mount := t.Context(), resources.Address{Type: "mount", Title: "d"}
	mode := uint32(0o1777)
	if err := errors.Join(
		r.Begin(ctx, motd, resources.Diff{}, nil, nil), recording.Of(h, recorder{r, motd}).Mkdir(ctx, "/d", host.Meta{}), r.Ended(ctx, motd, h),
		r.Begin(ctx, mount, resources.Diff{}, nil, []byte(`"unmounted"`)), r.Op(ctx, mount, h, host.Op{Kind: host.OpRun, Name: "mount"}), r.Close(),
		h.SetMeta(ctx, "/d", host.Meta{Mode: &mode}), h.WriteFile(ctx, "/d/lost+found", host.NewFile{Content: strings.NewReader("")}),
	); err != nil {
		t.Fatal(err)
	}
	u, err := PlanOf(t.Context(), s, h, nil, "1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, step := range u.Steps {
		got = append(got, step.What+step.Refused)
	}
	if diff := cmp.Diff([]string{"state of mount.d", "file /d"}, got); diff != "" {
		t.Error(diff)
	}
}

// What a run had done when it died is put back, unless it may have changed since.
func TestPlanOfARunThatDied(t *testing.T) {
	const tree = "-- f --\nold\n-- gone --\nold\n"
	write := func(name string) func(ctx context.Context, h host.Host) error {
		return func(ctx context.Context, h host.Host) error {
			return h.WriteFile(ctx, name, host.NewFile{Content: strings.NewReader("new")})
		}
	}
	mkdir := func(ctx context.Context, h host.Host) error { return h.Mkdir(ctx, "/d", host.Meta{}) }
	remove := func(name string) func(ctx context.Context, h host.Host) error {
		return func(ctx context.Context, h host.Host) error { return h.Remove(ctx, name, false) }
	}
	for name, tc := range map[string]struct {
		do, since func(ctx context.Context, h host.Host) error
		later     bool // the last record is from an hour before what is there
		refused   bool
		left      bool // what is in the way of the step is swept before it, where a file in the folder is on record
	}{
		"a file is written":          {do: write("/f")},
		"it was changed later":       {do: write("/f"), later: true, refused: true},
		"it was removed by hand":     {do: write("/f"), since: remove("/f"), refused: true},
		"a file is made":             {do: write("/new")},
		"a file is removed":          {do: remove("/gone")},
		"long ago":                   {do: remove("/gone"), later: true},
		"it was made anew by hand":   {do: remove("/gone"), since: write("/gone"), later: true, refused: true},
		"a folder is made":           {do: mkdir, later: true},
		"and a temporary file in it": {do: mkdir, since: write("/d/.apply.token.x"), left: true},
		"and another run's":          {do: mkdir, since: write("/d/.apply.other.x"), refused: true},
		"and something put into it":  {do: mkdir, since: write("/d/x"), later: true, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			s := open(t)
			before := h.Snapshot()
			r := begin(t, s, "1", "")
			ctx := t.Context()
			if err := errors.Join(r.Begin(ctx, motd, resources.Diff{}, nil, nil), tc.do(ctx, recording.Of(h, recorder{r, motd})), r.Leave()); err != nil {
				t.Fatal(err)
			}
			if tc.since != nil {
				if err := tc.since(ctx, h); err != nil {
					t.Fatal(err)
				}
			}
			last := time.Now() // however long this test has taken
			if tc.later {
				last = last.Add(-time.Hour)
			}
			if err := os.Chtimes(filepath.Join(s.Dir(), "journal", "1.journal"), last, last); err != nil {
				t.Fatal(err)
			}
			p, err := PlanOf(t.Context(), s, h, nil, "1")
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Steps) != 1 || (p.Steps[0].Refused != "") != tc.refused {
				t.Fatalf("want one step, refused: %v; got %+v", tc.refused, p.Steps)
			}
			if tc.refused || tc.left {
				return
			}
			undoAll(t, s, h, "1")
			if diff := cmp.Diff(before, h.Snapshot()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
