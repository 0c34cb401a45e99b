package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	fleetagent "github.com/nodeapply/apply/fleet/agent"
	"github.com/nodeapply/apply/fleet/transport"
)

const public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS alice"

func nodes(t *testing.T, args ...string) (s *selection.Nodes, stderr *bytes.Buffer) {
	t.Helper()
	stderr = &bytes.Buffer{}
	dir := t.TempDir()
	env := map[string]string{"HOME": dir}
	s = selection.New(&cli.App{Stdout: io.Discard, Stderr: stderr, State: dir, Env: func(name string) string { return env[name] }})
	cmd := &cobra.Command{Use: "fleet"}
	s.AddFlags(cmd.Flags())
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return s, stderr
}

// enrolling is a node on which nothing runs: it answers what enroll asks, and keeps its part of it in a folder.
type enrolling struct {
	transport.Conn
	dir     string
	program bool // it has this program
	broken  string

	asked     []string
	installed bytes.Buffer
}

func (e *enrolling) Run(_ context.Context, c transport.Command) (transport.Exit, error) {
	what := "other"
	for text, name := range map[string]string{"command -v apply": "look", `cat >"$t"`: "install", "agent join": "join", "systemctl": "start"} {
		if strings.Contains(c.Line, text) {
			what = name
		}
	}
	e.asked = append(e.asked, what)
	switch what {
	case e.broken:
		io.WriteString(c.Stderr, "no room\n")
		return transport.Exit{Code: 7}, nil
	case "look":
		if !e.program {
			return transport.Exit{Code: 44}, nil
		}
		io.WriteString(c.Stdout, "/usr/bin/apply\n")
	case "install":
		io.Copy(&e.installed, c.Stdin)
		io.WriteString(c.Stdout, "/usr/local/bin/apply\n")
	case "join":
		if err := fleetagent.Join(e.dir, c.Stdin, c.Stdout); err != nil {
			io.WriteString(c.Stderr, err.Error())
			return transport.Exit{Code: 1}, nil
		}
	}
	return transport.Exit{}, nil
}

// TestEnroll: what is done on a node, and what is told when a part of it fails.
func TestEnroll(t *testing.T) {
	self := filepath.Join(t.TempDir(), "apply")
	if err := os.WriteFile(self, []byte("the program"), 0o755); err != nil {
		t.Fatal(err)
	}
	authority, err := pki.OpenAuthority(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	line, err := fleetagent.OperatorLine("alice@seat", public)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		node   enrolling
		start  bool
		asked  string
		failed string
	}{
		{"a node with the program", enrolling{program: true}, false, "look join", ""},
		{"a node without it", enrolling{}, false, "look install join", ""},
		{"and started", enrolling{program: true}, true, "look join start", ""},
		{"no room", enrolling{broken: "install"}, true, "look install", "exit code 7: no room"},
		{"it cannot join", enrolling{program: true, broken: "join"}, true, "look join", "exit code 7: no room"},
		{"no systemd", enrolling{program: true, broken: "start"}, true, "look join start", "exit code 7: no room"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &tt.node
			n.dir = t.TempDir()
			err := (&enrollment{self, authority, []string{line}, tt.start}).enroll(t.Context(), n, "n1")
			if diff := cmp.Diff(tt.asked, strings.Join(n.asked, " ")); diff != "" {
				t.Error(diff)
			}
			var failed *fleet.JobError
			if tt.failed == "" && err != nil || tt.failed != "" && (!errors.As(err, &failed) || failed.Error() != tt.failed) {
				t.Errorf("want %q, got %v", tt.failed, err)
			}
			if brought := strings.Contains(tt.asked, "install join"); brought != (n.installed.String() == "the program") {
				t.Errorf("installed: %q", &n.installed)
			}
			kept, err := os.ReadFile(filepath.Join(n.dir, "allowed_signers"))
			if joined := strings.Contains(tt.asked, "join") && n.broken != "join"; joined != strings.Contains(string(kept), line) {
				t.Errorf("who is allowed: %q, %v", kept, err)
			}
		})
	}
}

// TestRevoke: a node that was never enrolled from here is told, and put out all the same.
func TestRevoke(t *testing.T) {
	s, stderr := nodes(t, "-w", "n[1-2]")
	authority, err := authorityOf(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&enrollment{authority: authority}).enroll(t.Context(), &enrolling{program: true, dir: t.TempDir()}, "n1"); err != nil {
		t.Fatal(err)
	}
	cmd := RevokeCommand(s)
	cmd.SetContext(t.Context())
	if err := cmd.RunE(cmd, nil); err != nil || s.Code != cli.Failed {
		t.Errorf("exit code %d, %v", s.Code, err)
	}
	if diff := cmp.Diff("n1: revoked\nn2: revoked, though it was never enrolled from here\n", stderr.String()); diff != "" {
		t.Error(diff)
	}
	var out bytes.Buffer
	s.JSON, s.Stdout = true, &out
	stderr.Reset()
	if err := cmd.RunE(cmd, nil); err != nil || s.Code != cli.Failed || stderr.Len() > 0 {
		t.Errorf("as JSON: exit code %d, %v, %s", s.Code, err, stderr)
	}
	for _, want := range []string{`{"code":0,"duration_ms":0,"event":"node","node":"n1","outcome":"ok"}`, `"error":"revoked, though it was never enrolled from here","event":"node","node":"n2","outcome":"failed"}`, `"code":4,"event":"summary","failed":1`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, &out)
		}
	}
}

// TestOperators: whose commands are allowed, and what is refused as such.
func TestOperators(t *testing.T) {
	s, _ := nodes(t)
	file := filepath.Join(t.TempDir(), "alice.pub")
	if err := os.WriteFile(file, []byte(public+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, err := operatorLines(t.Context(), s, []string{file})
	if err != nil || len(lines) != 1 || !strings.Contains(lines[0], ` namespaces="apply-agent" ssh-ed25519 AAAA`) || strings.HasSuffix(lines[0], "alice") {
		t.Errorf("%q, %v", lines, err)
	}
	if err := os.WriteFile(file, []byte("no key at all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][]string{"not a key": {file}, "not there": {file + "x"}, "none, and no agent": nil} {
		if lines, err := operatorLines(t.Context(), s, files); err == nil {
			t.Errorf("%s: %q", name, lines)
		}
	}
	if err := dismiss(t.Context(), s, []string{"n1"}, []string{file}); err == nil || !strings.Contains(err.Error(), "alice.pub: ") {
		t.Errorf("who is no operator is taken away: %v", err)
	}
}

// TestWhoGoesByAgents: those for which the inventory or the flag says so, and none where a program is to reach them.
func TestWhoGoesByAgents(t *testing.T) {
	s, _ := nodes(t, "-w", "n[1-2]")
	chosen, ssh, err := s.Selected(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ssh.Close()
	if d, err := (&Flags{}).Dialer(t.Context(), s, chosen, ssh, false); err != nil || d != ssh {
		t.Errorf("without any agent: %v, %v", d, err)
	}
	chosen[1].Agent = true
	d, err := (&Flags{}).Dialer(t.Context(), s, chosen, ssh, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"n2": true}, d.(*mixed).by); diff != "" {
		t.Error(diff)
	}
	if d, err = (&Flags{use: true}).Dialer(t.Context(), s, chosen, ssh, false); err != nil || len(d.(*mixed).by) != 2 {
		t.Errorf("all by agents: %v, %v", d, err)
	}
	program, err := transport.NewConnector("ssh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Flags{}).Dialer(t.Context(), s, chosen, ssh, true); err == nil || err.Error() != "--stdin: agents take no input, as that is not signed: n2" {
		t.Errorf("with an input: %v", err)
	}
	if _, err := (&Flags{use: true}).Dialer(t.Context(), s, chosen, program, true); err == nil || !strings.Contains(err.Error(), "not with --connector") {
		t.Errorf("with a connector: %v", err)
	}
	if d, err := (&Flags{}).Dialer(t.Context(), s, chosen, program, true); err != nil || d != transport.Dialer(program) {
		t.Errorf("with a connector, and agents that the inventory names: %v, %v", d, err)
	}
}
