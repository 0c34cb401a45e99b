package undo

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/recording"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/resources"
)

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
			run, _, err := n.state.Begin("2", n.host.Token(), "", journal.Manifest{}, started)
			if err != nil {
				t.Fatal(err)
			}
			write := func(a resources.Address, name, content string) error {
				return recording.Of(n.host, recorder{run, a}).WriteFile(ctx, name, host.NewFile{Content: strings.NewReader(content)})
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
			rep, err := Run(ctx, n.state, n.host, u, Options{ID: "3"})
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
	run, _, err := n.state.Begin("2", n.host.Token(), "", journal.Manifest{}, started)
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
	ended, cancel := context.WithCancel(t.Context()) // as that of a run which was ended by it
	cancel()
	if err := errors.Join(Leave(ended, run, n.host, n.types()), run.Close()); err != nil {
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
			run, _, err := n.state.Begin("2", n.host.Token(), "", journal.Manifest{}, started)
			if err != nil {
				t.Fatal(err)
			}
			h := recording.Of(n.host, recorder{run, keys})
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
