package selection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/transport"
)

// nodes are those of a command with these arguments, whose state folder is empty.
func nodes(t *testing.T, args ...string) (n *Nodes, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	dir := t.TempDir()
	env := map[string]string{"HOME": dir}
	n = New(&cli.App{Stdout: stdout, Stderr: stderr, State: dir, Env: func(name string) string { return env[name] }})
	cmd := &cobra.Command{Use: "fleet"}
	n.AddFlags(cmd.Flags())
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return n, stdout, stderr
}

// ended are results of four nodes, of which one went well.
func ended() []*fleet.Result {
	return []*fleet.Result{
		{Node: "n1", Outcome: fleet.OK, Took: 1500 * time.Microsecond},
		{Node: "n2", Outcome: fleet.Failed, Exit: transport.Exit{Code: 3}},
		{Node: "n3", Outcome: fleet.Failed, Exit: transport.Exit{Code: 3}},
		{Node: "n4", Outcome: fleet.Unreachable, Err: errors.New("no\x1b[2Jroute")},
	}
}

func TestSummary(t *testing.T) {
	n, _, stderr := nodes(t)
	if err := n.Summary(ended()); err != nil {
		t.Fatal(err)
	}
	want := "n[2-3]: failed: exit code 3\nn4: unreachable: no\\x1b[2Jroute\n1 of 4 ok: n1; 2 failed: n[2-3]; 1 unreachable: n4\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSummaryJSON(t *testing.T) {
	n, stdout, stderr := nodes(t)
	n.JSON, n.Code = true, 4
	if err := n.Summary(ended()); err != nil {
		t.Fatal(err)
	}
	want := `{"code":4,"event":"summary","failed":2,"interrupted":0,"nodes":{"failed":"n[2-3]","ok":"n1","unreachable":"n4"},"ok":1,"outcome":"failed","skipped":0,"timeout":0,"total":4,"unreachable":1}` + "\n"
	if diff := cmp.Diff(want, stdout.String()); diff != "" || stderr.Len() > 0 {
		t.Errorf("%s%s", diff, stderr)
	}
}

func TestNodeObject(t *testing.T) {
	results := ended()
	for i, want := range []map[string]any{
		{"event": "node", "node": "n1", "outcome": fleet.OK, "duration_ms": 1.5, "code": 0},
		{"event": "node", "node": "n2", "outcome": fleet.Failed, "duration_ms": 0.0, "code": 3},
		2: nil,
		3: {"event": "node", "node": "n4", "outcome": fleet.Unreachable, "duration_ms": 0.0, "error": "no\x1b[2Jroute"},
	} {
		if want == nil {
			continue
		}
		if diff := cmp.Diff(want, NodeObject(results[i])); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFinish(t *testing.T) {
	for name, test := range map[string]struct {
		args        []string
		interrupted int
		want        int
	}{
		"not all went well":  {nil, 0, 4},
		"enough":             {[]string{"--min-ok", "1"}, 0, 0},
		"enough of them":     {[]string{"--min-ok", "25%"}, 0, 0},
		"not enough of them": {[]string{"--min-ok", "50%"}, 0, 4},
		"interrupted":        {[]string{"--min-ok", "1"}, 15, 143},
	} {
		t.Run(name, func(t *testing.T) {
			n, _, stderr := nodes(t, test.args...)
			if err := n.Finish(ended(), test.interrupted); err != nil {
				t.Fatal(err)
			}
			if n.Code != test.want || stderr.Len() > 0 {
				t.Errorf("exit code %d, want %d; printed %q", n.Code, test.want, stderr)
			}
		})
	}
}

// TestMinOK: a bound that cannot hold is told before anything is begun.
func TestMinOK(t *testing.T) {
	for bound, want := range map[string]string{"0": "", "3": "", "0%": "", "100%": "", "50.5%": "", "4": "--min-ok 4: of 3 nodes that are selected", "101%": "--min-ok \"101%\": want", "": "--min-ok \"\": want"} {
		n, _, _ := nodes(t, "--min-ok", bound, "-w", "n[1-3]")
		_, dialer, err := n.Selected(nil)
		if err == nil {
			dialer.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", bound, want, err)
		}
	}
}

// TestNotTold: where what became of the nodes cannot be printed the exit code does not say that nothing was begun, and it is told once.
func TestNotTold(t *testing.T) {
	for _, test := range []struct {
		results     []*fleet.Result
		interrupted int
		want        int
	}{{ended()[:1], 0, 4}, {ended(), 0, 4}, {ended(), 2, 130}, {[]*fleet.Result{{Node: "n1", Outcome: fleet.Failed, Exit: transport.Exit{Code: 77}}}, 0, 77}} {
		n, _, stderr := nodes(t)
		n.JSON = true
		n.Stdout, _ = os.Open(os.DevNull) // which cannot be written
		for _, r := range test.results {
			n.Ended(r)
		}
		if err := n.Finish(test.results, test.interrupted); err != nil {
			t.Fatal(err)
		}
		var coded interface{ ExitCode() int }
		if err := n.Summary(test.results); !errors.As(err, &coded) || coded.ExitCode() != test.want || strings.Count(err.Error(), "bad file") != 1 || stderr.Len() > 0 {
			t.Errorf("want exit code %d, got %v and %s", test.want, err, stderr)
		}
	}
}

func TestRetryFailed(t *testing.T) {
	t.Run("of those that are selected", func(t *testing.T) { retryFailed(t, []string{"n2", "n3"}, "-w", "n[1-3]") })
	t.Run("none are selected", func(t *testing.T) { retryFailed(t, []string{"n2", "n3", "n4"}) })
}

func retryFailed(t *testing.T, want []string, selected ...string) {
	n, _, _ := nodes(t, append(selected, "--retry-failed")...)
	n.Command = "exec"
	if _, _, err := n.Selected(nil); err == nil || !strings.Contains(err.Error(), "no fleet exec was run before") {
		t.Errorf("before any: %v", err)
	}
	if err := n.Finish(ended(), 0); err != nil {
		t.Fatal(err)
	}
	chosen, dialer, err := n.Selected(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dialer.Close()
	var names []string
	for _, c := range chosen {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	well := ended()
	for _, r := range well {
		*r = fleet.Result{Node: r.Node, Outcome: fleet.OK}
	}
	if err := n.Finish(well, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.Selected(nil); err == nil || !strings.Contains(err.Error(), "on none of those selected the last fleet exec failed") {
		t.Errorf("after all went well: %v", err)
	}
}

// TestHosts: names of nodes come from a file, from standard input and from a pipe, with a byte order mark or without.
func TestHosts(t *testing.T) {
	const text = "\ufeffn1 # one\r\nn[2-3],!n2\n"
	dir := t.TempDir()
	file := filepath.Join(dir, "hosts")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"file": file, "standard input": "-", "pipe": fmt.Sprintf("/proc/self/fd/%d", r.Fd())} {
		n, _, _ := nodes(t, "-f", from)
		n.Stdin = strings.NewReader(text)
		chosen, dialer, err := n.Selected(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		dialer.Close()
		if len(chosen) != 2 || chosen[0].Name != "n1" || chosen[1].Name != "n3" {
			t.Errorf("%s: got %v", name, chosen)
		}
	}
	for text, want := range map[string]string{"": "standard input: no nodes in it", "n1\n!n1": "standard input:2: \"!n1\": a line adds nodes", "n1\nn[": "standard input:2: \"n[\": bad node set"} {
		n, _, _ := nodes(t, "-f", "-")
		n.Stdin = strings.NewReader(text)
		if _, _, err := n.Selected(nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
	}
}

func TestTimeouts(t *testing.T) {
	for args, want := range map[string]time.Duration{"short": time.Minute, "long": time.Hour, "long --timeout 7s": 7 * time.Second, "short --timeout 90": 90 * time.Second} {
		n, _, _ := nodes(t)
		root := &cobra.Command{Use: "fleet"}
		for name, usual := range map[string]time.Duration{"short": time.Minute, "long": time.Hour} {
			c := &cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}}
			n.AddTimeout(c, usual, "")
			root.AddCommand(c)
		}
		root.SetArgs(strings.Fields(args))
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		if n.Timeout != want {
			t.Errorf("%s: %v, want %v", args, n.Timeout, want)
		}
	}
}

// TestInterruptible: a signal that comes twice at once, as timeout(1) sends it, is one.
func TestInterruptible(t *testing.T) {
	ctx, end := Interruptible(t.Context())
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, fleet.ErrInterrupted) {
		t.Errorf("want %v, got %v", fleet.ErrInterrupted, err)
	}
	if n := end(); n != int(syscall.SIGHUP) {
		t.Errorf("want signal %d, got %d", syscall.SIGHUP, n)
	}
}
