package fleet

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/cmd/apply/internal/history"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/report"
)

func TestParseSeen(t *testing.T) {
	for name, test := range map[string]struct{ text, version, last string }{
		"nothing":           {"", "", ""},
		"never ran":         {"apply v1 linux/amd64\n", "v1 linux/amd64", ""},
		"with its last run": {"apply v1\n{\"run\":\"01X\",\"manifest\":\"main.hcl\"}\n", "v1", "01X main.hcl"},
		"anything":          {"motd\n{\"run\":", "motd", ""},
		"another object":    {"apply v1\n{\"x\":1}\n", "v1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, last := parseSeen([]byte(test.text)), ""
			if got.last != nil {
				last = got.last.Run + " " + got.last.Manifest
			}
			if diff := cmp.Diff([]string{test.version, test.last}, []string{got.version, last}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNodesLine: a program that does not start says why, in the place of its version.
func TestNodesLine(t *testing.T) {
	here, err := transport.NewConnector(`sh -c 'exec sh -c "$2"' here`)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := here.Dial(t.Context(), transport.Target{Name: "here"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ program, version, last string }{
		"whole":           {`case $1 in version) echo apply v1 ;; *) echo '{"run":"01X"}' ;; esac`, "v1", "01X"},
		"broken settings": {`[ "$2" ] && echo '{"event":"diagnostic"}' || printf 'Error: bad\n  in: a file\n' >&2; exit 1`, "Error: bad in: a file", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "apply"), []byte("#!/bin/sh\n"+test.program+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			var out bytes.Buffer
			if _, err := conn.Run(t.Context(), transport.Command{Line: shell.Line([]string{"sh", "-c", nodesLine}), Stdout: &out}); err != nil {
				t.Fatal(err)
			}
			got, last := parseSeen(out.Bytes()), ""
			if got.last != nil {
				last = got.last.Run
			}
			if diff := cmp.Diff([]string{test.version, test.last}, []string{got.version, last}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPrintNodes: a line for each node, and of a run that did not come to its end that as well.
func TestPrintNodes(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	last := func(interrupted int) *history.Line {
		return &history.Line{Run: "01X", Started: at, Manifest: "main.hcl", Outcome: report.Changed, Interrupted: interrupted}
	}
	var out bytes.Buffer
	results := []*fleet.Result{{Node: "n1", Outcome: fleet.OK}, {Node: "n2", Outcome: fleet.OK}, {Node: "n3", Outcome: fleet.OK}}
	seen := map[string]seenNode{"n1": {version: "v1", last: last(0)}, "n2": {version: "v1", last: last(15)}}
	if err := printNodes(selection.New(&cli.App{Stdout: &out}), results, seen); err != nil {
		t.Fatal(err)
	}
	want := `n1  reachable  v1  2026-01-02 03:04:05 changed main.hcl
n2  reachable  v1  2026-01-02 03:04:05 changed, interrupted main.hcl
n3  reachable  -   never
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
