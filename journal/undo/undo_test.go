package undo

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

var (
	motd    = resources.Address{Type: "file", Title: "motd"}
	issue   = resources.Address{Type: "file", Title: "issue"}
	dial    = resources.Address{Type: "dial", Title: "volume"}
	started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// node is a folder with the files motd and issue, and a run "1" that has changed both and turned a dial.
type node struct {
	dir   string
	host  *local.Node
	state *journal.State
	stuck bool         // what the dial is told makes it stand at 8
	moves func() error // what restoring does besides
	dial  string       // how it stands
	told  []string     // what the dial was told to restore
}

// changed makes that; keeps says whether the run records how it left the dial, which earlier versions did not.
func changed(t *testing.T, keeps bool) *node {
	t.Helper()
	n := &node{dir: t.TempDir(), dial: "7"}
	var err error
	if n.host, err = local.New(local.Options{Root: n.dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.host.Close() })
	if n.state, err = journal.OpenState(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"motd", "issue"} {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run, _, err := n.state.Begin("1", n.host.Token(), "", started)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	step := func(a resources.Address, before json.RawMessage, do func(h host.Host) error) {
		t.Helper()
		if err := run.Begin(ctx, a, resources.Diff{}, nil, before); err != nil {
			t.Fatal(err)
		}
		if err := do(host.Recording(n.host, recorder{run, a})); err != nil {
			t.Fatal(err)
		}
		if err := run.Ended(ctx, a, n.host); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string) func(h host.Host) error {
		return func(h host.Host) error {
			return h.WriteFile(ctx, name, host.NewFile{Content: strings.NewReader("new")})
		}
	}
	step(motd, nil, write("/motd"))
	step(dial, json.RawMessage(`7`), func(host.Host) error {
		n.dial = "9"
		return run.Op(ctx, dial, n.host, host.Op{Kind: host.OpRun, Name: "/bin/turn"})
	})
	step(issue, nil, write("/issue"))
	if keeps {
		if err := Leave(ctx, run, n.host, n.types()); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// turned is a type that keeps its own state, beyond the node.
type turned struct{ n *node }

func (turned) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (turned) Apply(context.Context, host.Host, resources.Diff) error   { return nil }
func (turned) Before(context.Context, host.View, resources.Diff) (json.RawMessage, error) {
	return nil, nil
}
func (d turned) Now(context.Context, host.View, json.RawMessage) (json.RawMessage, error) {
	if d.n.dial == "" {
		return nil, errors.New("it is gone")
	}
	return json.RawMessage(d.n.dial), nil
}
func (d turned) Restore(_ context.Context, _ host.Host, before json.RawMessage) error {
	d.n.told = append(d.n.told, string(before))
	d.n.dial = string(before)
	if d.n.moves != nil {
		return d.n.moves()
	}
	if d.n.stuck {
		d.n.dial = "8"
		return errors.New("it is stuck")
	}
	return nil
}
func (turned) Skip(context.Context, host.Host, string) error { return nil }

func (n *node) types() []resources.Type {
	return []resources.Type{
		{Name: "dial", New: func(string) resources.Resource { return turned{n} }}, {Name: "user", New: func(string) resources.Resource { return turned{n} }},
	}
}

func (n *node) undo(t *testing.T, id, of string, interrupted func() int) *report.Report {
	t.Helper()
	u, err := PlanOf(t.Context(), n.state, n.host, n.types(), of)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(t.Context(), n.state, n.host, u, Options{ID: id, Types: n.types(), Interrupted: interrupted})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// files are the contents of motd and issue, and what the dial was told.
func (n *node) files(t *testing.T) string {
	t.Helper()
	var out []string
	for _, name := range []string{"motd", "issue"} {
		b, err := os.ReadFile(filepath.Join(n.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return strings.Join(append(out, n.told...), " ")
}

// told are addresses and outcomes in their order.
func told(rep *report.Report) string {
	var out []string
	for _, r := range rep.Results {
		out = append(out, r.Address.String()+"="+string(r.Outcome))
	}
	return strings.Join(out, " ")
}

func never() int { return 0 }

func TestRun(t *testing.T) {
	n := changed(t, true)
	rep := n.undo(t, "2", "1", never)
	if diff := cmp.Diff("file.issue=changed dial.volume=changed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("old old 7", n.files(t)); diff != "" {
		t.Error(diff)
	}
	if _, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1"); err == nil || !strings.Contains(err.Error(), "undone already, by run 2") {
		t.Errorf("it is not on record: %v", err)
	}
	n.undo(t, "3", "2", never)
	if diff := cmp.Diff("new new 7 9", n.files(t)); diff != "" {
		t.Errorf("the undo undone: %s", diff)
	}
	n.undo(t, "4", "3", never)
	if diff := cmp.Diff("old old 7 9 7", n.files(t)); diff != "" {
		t.Errorf("and that undone: %s", diff)
	}
}

func TestRefused(t *testing.T) {
	n := changed(t, true)
	if err := os.WriteFile(filepath.Join(n.dir, "issue"), []byte("edited"), 0o644); err != nil {
		t.Fatal(err)
	}
	rep := n.undo(t, "2", "1", never)
	if diff := cmp.Diff("dial.volume=changed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("old edited 7", n.files(t)); diff != "" {
		t.Error(diff)
	}
}

func TestInterrupted(t *testing.T) {
	n := changed(t, true)
	steps := 0
	rep := n.undo(t, "2", "1", func() int {
		if steps++; steps > 1 {
			return 15
		}
		return 0
	})
	if diff := cmp.Diff("file.issue=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if rep.Interrupted != 15 {
		t.Errorf("interrupted by %d, want 15", rep.Interrupted)
	}
	if diff := cmp.Diff("new old", n.files(t)); diff != "" {
		t.Error(diff)
	}
	// Who asks again has the rest put back, and then it is undone.
	last, err := LastChange(n.state, n.host)
	if err != nil || last != "1" {
		t.Fatalf("%s is to be undone, %v", last, err)
	}
	rep = n.undo(t, "3", last, never)
	if diff := cmp.Diff("dial.volume=changed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("old old 7", n.files(t)); diff != "" {
		t.Error(diff)
	}
	if _, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1"); err == nil || !strings.Contains(err.Error(), "undone already, by run 3") {
		t.Errorf("got %v", err)
	}
	if last, err := LastChange(n.state, n.host); err != nil || last != "3" {
		t.Errorf("%s is to be undone, %v", last, err)
	}
}

func TestFailure(t *testing.T) {
	n := changed(t, true)
	u, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(t.Context(), n.state, n.host, u, Options{ID: "2", Interrupted: never})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("file.issue=changed dial.volume=failed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if got := rep.Results[1].Error.Summary; !strings.Contains(got, "unknown type dial") {
		t.Errorf("the reason is %q", got)
	}
}

// Where the journal cannot be written nothing is touched, and there is no report.
func TestJournalCannotBeWritten(t *testing.T) {
	n := changed(t, true)
	p, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(t.Context(), n.state, n.host, p, Options{ID: "no folder/2", Interrupted: never})
	if rep != nil || err == nil || !strings.Contains(err.Error(), "journal: ") {
		t.Errorf("report %v, error %v", rep, err)
	}
	if diff := cmp.Diff("new new", n.files(t)); diff != "" {
		t.Error(diff)
	}
}

// What became of a state that its type keeps decides what an undo does of it.
func TestStateSince(t *testing.T) {
	for _, tt := range []struct {
		name, now string
		keeps     bool
		want      string // outcomes
		refused   string // why the state is
	}{
		{"as the run left it", "9", true, "file.issue=changed dial.volume=changed file.motd=changed", ""},
		{"as before the run", "7", true, "file.issue=changed file.motd=changed", ""},
		{"something else", "8", true, "file.issue=changed file.motd=changed", "it has changed since"},
		{"not to be read", "", true, "file.issue=changed file.motd=changed", "whether it has changed since is not known: it is gone"},
		{"nobody knows how the run left it", "8", false, "file.issue=changed dial.volume=changed file.motd=changed", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := changed(t, tt.keeps)
			n.dial = tt.now
			u, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1")
			if err != nil {
				t.Fatal(err)
			}
			refused := ""
			for _, s := range u.Steps {
				refused += s.Refused
			}
			if diff := cmp.Diff(tt.refused, refused); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.want, told(n.undo(t, "2", "1", never))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A state and the file that goes with it are put back both or not at all, and so is what shares the file: half of it is neither what the run left nor
// what was before. Other files are.
func TestTogether(t *testing.T) {
	bob := resources.Address{Type: "user", Title: "bob"}
	for name, tt := range map[string]struct {
		state, file string // as they are by then
		want        string
	}{
		"as the run left them": {"9", "new", "file.issue=changed user.bob=changed dial.volume=changed dial.volume=changed"},
		"the state is changed": {"8", "new", "file.issue=changed"},
		"the file is changed":  {"9", "edited", "file.issue=changed"},
	} {
		t.Run(name, func(t *testing.T) {
			n := changed(t, true)
			ctx := t.Context()
			n.dial = "7"
			run, _, err := n.state.Begin("2", n.host.Token(), "", started)
			if err != nil {
				t.Fatal(err)
			}
			write := func(a resources.Address, name, content string) error {
				return host.Recording(n.host, recorder{run, a}).WriteFile(ctx, name, host.NewFile{Content: strings.NewReader(content)})
			}
			turn := host.Op{Kind: host.OpRun, Name: "/bin/turn"}
			err = errors.Join(
				run.Begin(ctx, dial, resources.Diff{}, nil, json.RawMessage("7")), write(dial, "/motd", "new too"), run.Op(ctx, dial, n.host, turn), run.Ended(ctx, dial, n.host),
				// It shares the file, and nobody knows how it was left.
				run.Begin(ctx, bob, resources.Diff{}, nil, json.RawMessage("7")), write(bob, "/motd", "newer"), run.Op(ctx, bob, n.host, turn), run.Ended(ctx, bob, n.host),
				run.Begin(ctx, issue, resources.Diff{}, nil, nil), write(issue, "/issue", "newer"), run.Ended(ctx, issue, n.host),
				run.Left(dial, json.RawMessage("9")), run.Close())
			if err != nil {
				t.Fatal(err)
			}
			n.dial = tt.state
			if tt.file != "new" {
				if err := os.WriteFile(filepath.Join(n.dir, "motd"), []byte(tt.file), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before := n.files(t)
			u, err := PlanOf(ctx, n.state, n.host, n.types(), "2")
			if err != nil {
				t.Fatal(err)
			}
			all, blocking := u.Refused()
			rep, err := Run(ctx, n.state, n.host, u, Options{ID: "3", Types: n.types(), Interrupted: never})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, told(rep)); diff != "" {
				t.Errorf("%s\n%+v\n%s", diff, u.Steps, before)
			}
			if all != len(u.Steps)-len(rep.Results) || blocking != all {
				t.Errorf("%d of %d refused, %d block", all, len(u.Steps), blocking)
			}
		})
	}
}

// An undo that failed at a state has left it neither as the run did nor as before: the next one goes on from there, unless it has changed since.
func TestAfterAnUndoThatFailed(t *testing.T) {
	for name, tt := range map[string]struct{ by, want string }{
		"as it left it":  {"", "dial.volume=changed"},
		"something else": {"5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := changed(t, true)
			n.stuck = true
			if diff := cmp.Diff("file.issue=changed dial.volume=failed file.motd=changed", told(n.undo(t, "2", "1", never))); diff != "" {
				t.Error(diff)
			}
			n.stuck = false
			if tt.by != "" {
				n.dial = tt.by
			}
			if diff := cmp.Diff(tt.want, told(n.undo(t, "3", "1", never))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A second attempt finds what the first one has left: an undo goes back to before both.
func TestAttempts(t *testing.T) {
	n := changed(t, true)
	run, _, err := n.state.Begin("2", n.host.Token(), "", started)
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{"9", "10", "null"} {
		if err := run.Begin(t.Context(), dial, resources.Diff{}, nil, json.RawMessage(before)); err != nil {
			t.Fatal(err)
		}
		if err := run.Op(t.Context(), dial, n.host, host.Op{Kind: host.OpRun, Name: "/bin/turn"}); err != nil {
			t.Fatal(err)
		}
	}
	n.dial = "11"
	if err := errors.Join(Leave(t.Context(), run, n.host, n.types()), run.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("dial.volume=changed", told(n.undo(t, "3", "2", never))); diff != "" {
		t.Error(diff)
	}
	if n.dial != "9" {
		t.Errorf("it stands at %s", n.dial)
	}
}

// A home that moves with its user takes along what the run changed in it: an undo of the undo looks at that when the home is back.
func TestHomeMoves(t *testing.T) {
	bob, keys := resources.Address{Type: "user", Title: "bob"}, resources.Address{Type: "file", Title: "keys"}
	for name, tt := range map[string]struct{ edited, want string }{
		"as it was left": {"", "file.keys=changed"},
		"edited":         {"edited", "file.keys=failed"},
	} {
		t.Run(name, func(t *testing.T) {
			n := changed(t, true)
			ctx := t.Context()
			at := func(name string) string { return filepath.Join(n.dir, name) }
			run, _, err := n.state.Begin("2", n.host.Token(), "", started)
			if err != nil {
				t.Fatal(err)
			}
			h := host.Recording(n.host, recorder{run, keys})
			n.dial = "9"
			if err := errors.Join(os.MkdirAll(at("home"), 0o755), os.WriteFile(at("home/keys"), []byte("old"), 0o644),
				run.Begin(ctx, keys, resources.Diff{}, nil, nil), h.WriteFile(ctx, "/home/keys", host.NewFile{Content: strings.NewReader("new")}), run.Ended(ctx, keys, n.host),
				run.Begin(ctx, bob, resources.Diff{}, nil, json.RawMessage("7")), run.Op(ctx, bob, n.host, host.Op{Kind: host.OpRun, Name: "usermod"}),
				Leave(ctx, run, n.host, n.types()), run.Close(), os.Rename(at("home"), at("moved"))); err != nil {
				t.Fatal(err)
			}
			if tt.edited != "" {
				if err := os.WriteFile(at("moved/keys"), []byte(tt.edited), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			n.moves = func() error { return os.Rename(at("moved"), at("home")) }
			if diff := cmp.Diff("user.bob=changed "+tt.want, told(n.undo(t, "3", "2", never))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
