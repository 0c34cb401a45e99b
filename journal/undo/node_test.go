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

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/host/recording"
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

// recorder tells the journal what a resource of a run changes.
type recorder struct {
	run  *journal.Run
	addr resources.Address
}

func (r recorder) Before(ctx context.Context, v host.View, op host.Op) error {
	return r.run.Op(ctx, r.addr, v, op)
}

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
	run, _, err := n.state.Begin("1", n.host.Token(), "", journal.Manifest{}, started)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	write := func(name string) func(h host.Host) error {
		return func(h host.Host) error {
			return h.WriteFile(ctx, name, host.NewFile{Content: strings.NewReader("new")})
		}
	}
	n.step(t, run, motd, nil, nil, write("/motd"))
	n.step(t, run, dial, nil, json.RawMessage(`7`), func(host.Host) error {
		n.dial = "9"
		return run.Op(ctx, dial, n.host, host.Op{Kind: host.OpRun, Name: "/bin/turn"})
	})
	n.step(t, run, issue, nil, nil, write("/issue"))
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

// step is what a run does with one resource.
func (n *node) step(t *testing.T, run *journal.Run, a resources.Address, owes []resources.Address, before json.RawMessage, do func(h host.Host) error) {
	t.Helper()
	if err := run.Begin(t.Context(), a, resources.Diff{}, owes, before); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(recording.Of(n.host, recorder{run, a})), run.Ended(t.Context(), a, n.host)); err != nil {
		t.Fatal(err)
	}
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
	rep, err := Run(t.Context(), n.state, n.host, u, Options{ID: id, Interrupted: interrupted})
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
