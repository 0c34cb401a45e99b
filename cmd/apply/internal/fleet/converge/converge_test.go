package converge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/converge"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/origin"
)

// asked is the convergence that these arguments ask for, which is not begun.
func asked(t *testing.T, args ...string) (c *convergence, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	s := selection.New(&cli.App{Stdout: stdout, Stderr: stderr, State: t.TempDir(), Env: func(string) string { return "" }})
	c, cmd := command(s)
	s.AddFlags(cmd.Flags())
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	c.lines = output.NewLines(stdout, false)
	return c, stdout, stderr
}

// TestArguments: what the nodes' runs are told, of flags, files and environment.
func TestArguments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "more.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APPLY_VAR_word", "it's")
	t.Setenv("APPLY_VAR_od\nd", "no name that a shell takes")
	t.Setenv("APPLY_EXCHANGE", "not a variable of the manifest")
	for _, tt := range []struct {
		name      string
		args      []string
		told, run string // sorted
		partial   bool
	}{
		{"nothing", nil, "--sent ../" + origin.SentFile + " main.hcl", "", false},
		{"variables", []string{"--var", "a=1", "--var", "b=2", "--var-file", file}, "--sent ../" + origin.SentFile + " --var-file ../vars-0.json main.hcl", "", false},
		{"an exchange", []string{"--exchange", "https://h:1"}, "--sent ../" + origin.SentFile + " --exchange https://h:1 main.hcl", "", false},
		{"a part", []string{"--tags", "a,b", "--target", "file.x"}, "--sent ../" + origin.SentFile + " main.hcl", "--tags a --tags b --target file.x", true},
		{"how", []string{"--fail-fast", "--wait-lock", "90s"}, "--sent ../" + origin.SentFile + " main.hcl", "--fail-fast --wait-lock=1m30s", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, _ := asked(t, tt.args...)
			o := converge.Options{Beside: &files.Bundle{}}
			if err := c.arguments(&o, "main.hcl"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.told, strings.Join(o.Args, " ")); diff != "" {
				t.Error(diff)
			}
			words := slices.Sorted(slices.Values(o.RunArgs))
			if diff := cmp.Diff(slices.Sorted(slices.Values(strings.Fields(tt.run))), words); diff != "" || o.Partial != tt.partial {
				t.Errorf("%s, partial %v", diff, o.Partial)
			}
			if diff := cmp.Diff([]string{"APPLY_VAR_word=it's"}, o.Env); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, wrong := range [][]string{{"--var-file", file + ".none"}, {"--exchange", "ftp://h"}, {"--deployment", "a/b"}} {
		c, _, _ := asked(t, wrong...)
		if err := c.arguments(&converge.Options{Beside: &files.Bundle{}}, "main.hcl"); err == nil {
			t.Errorf("%v is not refused", wrong)
		}
	}
}

// TestTold: the exit code and the last lines, by what nodes and resources came to.
func TestTold(t *testing.T) {
	ok, failed := &fleet.Result{Node: "n1", Outcome: fleet.OK}, &fleet.Result{Node: "n2", Outcome: fleet.Failed, Exit: transport.Exit{Code: 6}}
	gone := &fleet.Result{Node: "n3", Outcome: fleet.Unreachable, Err: transport.ErrLost}
	locked := &fleet.Result{Node: "n2", Outcome: fleet.Failed, Exit: transport.Exit{Code: 3}}
	unasked := &fleet.Result{Node: "n2", Outcome: fleet.Failed, Exit: transport.Exit{Code: 1}}
	const changed = `{"event":"run","run":"R"}` + "\n" + `{"event":"summary","outcome":"changed","total":1,"changed":1}` + "\n"
	const wrong = `{"event":"diagnostic","severity":"error","summary":"Wrong"}` + "\n"
	for _, tt := range []struct {
		name        string
		args        []string
		results     []*fleet.Result
		n1, n2      string // what the nodes tell
		interrupted int
		want        int
	}{
		{"well", nil, []*fleet.Result{ok}, changed, "", 0, 0},
		{"something changed", []string{"--detailed-exitcode"}, []*fleet.Result{ok}, changed, "", 0, 2},
		{"nothing changed", []string{"--detailed-exitcode"}, []*fleet.Result{ok}, "", "", 0, 0},
		{"a node failed, whatever its code", nil, []*fleet.Result{ok, failed}, changed, "", 0, 4},
		{"both", []string{"--detailed-exitcode"}, []*fleet.Result{ok, failed}, changed, "", 0, 6},
		{"enough", []string{"--min-ok", "1"}, []*fleet.Result{ok, failed}, changed, "", 0, 0},
		{"interrupted", []string{"--detailed-exitcode"}, []*fleet.Result{ok, failed}, changed, "", 2, 130},
		{"wrong for one node", nil, []*fleet.Result{ok, failed}, changed, wrong, 0, 4},
		{"wrong for every node", nil, []*fleet.Result{failed}, "", wrong, 0, 1},
		{"wrong for all that were reached", []string{"--detailed-exitcode"}, []*fleet.Result{failed, gone}, "", wrong, 0, 1},
		{"wrong, but enough", []string{"--min-ok", "0"}, []*fleet.Result{failed}, "", wrong, 0, 0},
		{"an address that no node knows", nil, []*fleet.Result{unasked, gone}, "", "", 0, 1},
		{"an address that one node does not know", nil, []*fleet.Result{ok, unasked}, changed, "", 0, 4},
		{"interrupted before a run", nil, []*fleet.Result{failed}, "", wrong, 2, 130},
		{"another run is on every node", []string{"--detailed-exitcode"}, []*fleet.Result{locked}, "", "", 0, 3},
		{"another run is on one node", nil, []*fleet.Result{ok, locked}, changed, "", 0, 4},
		{"another run is on one node, the other is gone", nil, []*fleet.Result{locked, gone}, "", "", 0, 4},
		{"none is reached", nil, []*fleet.Result{gone}, "", "", 0, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, stdout, stderr := asked(t, tt.args...)
			for node, said := range map[string]string{"n1": tt.n1, "n2": tt.n2} {
				if _, err := io.WriteString(c.reader(c.joint.Node(node)), said); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.told(tt.results, tt.interrupted); err != nil {
				t.Fatal(err)
			}
			if c.Code != tt.want || c.joint.Code != tt.want {
				t.Errorf("want %d, got %d, and %d in the report", tt.want, c.Code, c.joint.Code)
			}
			if !strings.Contains(stdout.String(), " of 1 resources\n") && tt.n1 != "" || !strings.Contains(stderr.String(), " ok") {
				t.Errorf("printed %q and %q", stdout, stderr)
			}
		})
	}
}

// TestLongestWaits: five at most, the longest first, of a second or more, each with the node that it was for in the end.
func TestLongestWaits(t *testing.T) {
	c, stdout, _ := asked(t)
	for i := range 8 {
		c.joint.Waits = append(c.joint.Waits, joint.Wait{
			Node: "n1", Wait: "w" + string(rune('0'+i)), Fact: "up", DurationMS: float64(i) * 500, For: []joint.For{{Node: "early", AtMS: 1}, {Node: "late\x1b", AtMS: 2.5}},
		})
	}
	c.longestWaits()
	want := `n1: wait.w7 took 3.5s for up, last of late\x1b
n1: wait.w6 took 3s for up, last of late\x1b
n1: wait.w5 took 2.5s for up, last of late\x1b
n1: wait.w4 took 2s for up, last of late\x1b
n1: wait.w3 took 1.5s for up, last of late\x1b
`
	if diff := cmp.Diff(want, stdout.String()); diff != "" {
		t.Error(diff)
	}
	if len(c.joint.Waits) != 8 {
		t.Error("the report has lost waits")
	}
}

// TestEnded: a line for each node that is done, with why where it has not begun.
func TestEnded(t *testing.T) {
	c, stdout, _ := asked(t)
	c.progress.Total = 2
	c.ended(&fleet.Result{Node: "n1", Outcome: fleet.OK, Took: 1500 * time.Microsecond})
	c.ended(&fleet.Result{Node: "n2", Outcome: fleet.Unreachable, Err: transport.ErrLost})
	want := "[1/2] n1: 0 changed, 0 refreshed, 0 pending, 0 failed of 0 (2ms)\n[2/2] n2: unreachable: " + transport.ErrLost.Error() + " (0s)\n"
	if diff := cmp.Diff(want, stdout.String()); diff != "" {
		t.Error(diff)
	}
	if n := c.joint.Node("n2"); n.Outcome != "unreachable" || n.Code != 4 || n.Error != transport.ErrLost.Error() {
		t.Errorf("in the report: %+v", n)
	}
}

// TestInterruptedEarly: where a signal comes before there is anything to bring, the last line is the summary all the same, not what could not be found out in time.
func TestInterruptedEarly(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(manifest, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-qm", "first"}} {
		args = append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git: %v: %s", err, out)
		}
	}
	c, stdout, stderr := asked(t, "-w", "n1", "--connector", "true")
	_, cmd := command(c.Nodes)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fleet.ErrInterrupted)
	cmd.SetContext(ctx)
	if err := c.run(cmd, []string{manifest}); err != nil {
		t.Fatal(err)
	}
	const out, messages = "[1/1] n1: skipped: interrupted (0s)\n1 nodes: 0 changed, 0 refreshed, 0 pending, 0 failed, 0 skipped of 0 resources\n", "n1: skipped: interrupted\n0 of 1 ok; 1 skipped: n1\n"
	if diff := cmp.Diff([]string{out, messages}, []string{stdout.String(), stderr.String()}); diff != "" {
		t.Error(diff)
	}
	if left := c.TakeWarnings(); len(left) > 0 {
		t.Errorf("told after the summary: %q", left)
	}
}

// full is a standard output that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestNotPrinted: what came of it and could not be printed is an error, but neither one of the nodes nor of the reports.
func TestNotPrinted(t *testing.T) {
	for _, how := range []string{"converge", "plan", "verbose"} {
		t.Run(how, func(t *testing.T) {
			saved := filepath.Join(t.TempDir(), "r.json")
			c, _, stderr := asked(t, "--report", saved)
			c.plan, c.Verbose = how == "plan", how == "verbose"
			c.Stdout, c.lines = full{}, output.NewLines(full{}, false)
			err := c.told([]*fleet.Result{{Node: "n1", Outcome: fleet.OK}}, 0)
			var code interface{ ExitCode() int }
			if !errors.As(err, &code) || code.ExitCode() != 4 || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
				t.Errorf("want it told, and 4, got %v", err)
			}
			if _, err := os.Stat(saved); err != nil || !strings.Contains(stderr.String(), "1 of 1 ok") {
				t.Errorf("the report: %v; printed %q", err, stderr)
			}
		})
	}
}
