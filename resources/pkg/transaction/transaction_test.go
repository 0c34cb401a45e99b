package transaction

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/goal"
	"github.com/nodeapply/apply/resources/pkg/known"
)

const node = `-- etc/os-release --
ID=debian
-- usr/bin/apt-get --
-- usr/bin/dnf --
-- var/lib/dpkg/status --
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21

Package: aa
Status: install ok installed
Architecture: amd64
Version: 1.0

Package: held
Status: hold ok installed
Architecture: amd64
Version: 1.0
`

// repositories is a table of commands that answers as apt does: it installs into the status file, but for packages called bad.
func repositories(t *testing.T, h *hosttest.Host, offered map[string]string) {
	t.Helper()
	h.Handle("apt-cache", func(_ context.Context, c host.Cmd) (host.Output, error) {
		var b strings.Builder
		for _, n := range c.Args[slices.Index(c.Args, "--")+1:] {
			if v, ok := offered[n]; ok {
				fmt.Fprintf(&b, "%s:\n  Installed: (none)\n  Candidate: %s\n  Version table:\n     %s 500\n        500 http://x Packages\n", n, v, v)
			}
		}
		return host.Output{Stdout: []byte(b.String())}, nil
	})
	h.Handle("apt-get", func(ctx context.Context, c host.Cmd) (host.Output, error) {
		if slices.Contains(c.Args, "update") {
			return host.Output{}, nil
		}
		names := c.Args[slices.Index(c.Args, "--")+1:]
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "bad") }) {
			return host.Output{ExitCode: 100, Stderr: []byte("E: bad is bad\n")}, nil
		}
		status, err := readStatus(h)
		if err != nil {
			return host.Output{}, err
		}
		for _, n := range names {
			n, v, ok := strings.Cut(n, "=")
			if !ok {
				v = offered[n]
			}
			status += fmt.Sprintf("\nPackage: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\n", n, v)
		}
		return host.Output{}, h.WriteFile(ctx, "/var/lib/dpkg/status", host.NewFile{Content: strings.NewReader(status)})
	})
}

func readStatus(h *hosttest.Host) (string, error) {
	f, err := h.Open("/var/lib/dpkg/status")
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 1<<16)
	n, err := f.Read(b)
	return string(b[:n]), err
}

// together applies packages, each a name and its ensure, that all differ.
func together(t *testing.T, h host.Host, declared ...[2]string) []*Part {
	t.Helper()
	run := known.NewRun()
	m, err := run.Manager(h, "apt")
	if err != nil {
		t.Fatal(err)
	}
	var parts []*Part
	for _, d := range declared {
		run.Announce("apt", []string{d[0]}, d[1] == goal.Latest)
		w := Want{Names: []string{d[0]}, Goal: goal.Goal{Ensure: d[1]}}
		parts = append(parts, &Part{Want: w, Move: true, Check: func(ctx context.Context, v host.View) (resources.Diff, error) {
			var left resources.Diff
			steps, err := w.Steps(ctx, v, m)
			for _, s := range steps {
				if s.Differs() {
					left.Changes = append(left.Changes, resources.Change{Attr: "ensure", From: s.From(), To: s.To})
				}
			}
			return left, err
		}})
	}
	Apply(t.Context(), h, m, parts)
	return parts
}

// One question for what all packages of the run need, one transaction for all.
func TestOneTransaction(t *testing.T) {
	h := hosttest.New(t, node)
	repositories(t, h, map[string]string{"xx": "1", "yy": "2", "zz": "3"})
	for _, part := range together(t, h, [2]string{"xx", "installed"}, [2]string{"yy", "2"}, [2]string{"zz", "latest"}) {
		if part.Err != nil {
			t.Errorf("%s: %v", part.Want.Names, part.Err)
		}
	}
	var installs, questions []string
	for _, c := range h.Calls() {
		switch {
		case strings.Contains(c, " install -- "):
			installs = append(installs, c[strings.Index(c, "install"):])
		case strings.HasPrefix(c, "? apt-cache"):
			questions = append(questions, c[strings.Index(c, "policy"):])
		default:
			t.Errorf("unexpected: %s", c)
		}
	}
	if d := cmp.Diff([]string{"install -- xx yy=2 zz=3"}, installs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"policy -- xx yy zz", "policy -- xx yy zz"}, questions); d != "" { // before, and after for what is to be the latest
		t.Error(d)
	}
}

// When a transaction fails, each of its parts is tried alone.
func TestGuiltyIsFound(t *testing.T) {
	h := hosttest.New(t, node)
	repositories(t, h, map[string]string{"xx": "1", "bad": "2", "yy": "3"})
	parts := together(t, h, [2]string{"xx", "installed"}, [2]string{"bad", "installed"}, [2]string{"yy", "installed"})
	if parts[0].Err != nil || parts[2].Err != nil {
		t.Errorf("the innocent: %v, %v", parts[0].Err, parts[2].Err)
	}
	if err := parts[1].Err; err == nil || !strings.Contains(err.Error(), "bad is bad") {
		t.Errorf("the guilty: %v", err)
	}
}

// An exit code of 0 is no verdict.
func TestVerdictIsTheDatabase(t *testing.T) {
	h := hosttest.New(t, node)
	repositories(t, h, map[string]string{"xx": "1"})
	h.Answer("apt-get", 0, "")
	if err := together(t, h, [2]string{"xx", "installed"})[0].Err; err == nil || !strings.Contains(err.Error(), "still absent") {
		t.Errorf("got %v", err)
	}
}
