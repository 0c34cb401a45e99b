package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/seat"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/sshclient"
)

// connect is a connection to a node, as the seat makes it.
func (s *site) connect(t *testing.T, target transport.Target) transport.Conn {
	t.Helper()
	home := filepath.Join(s.dir, "home")
	d := transport.SSH{Dialer: sshclient.New(sshclient.Options{
		User: "root", Home: home, Identities: []string{filepath.Join(s.dir, "user_key")}, KnownHosts: []string{filepath.Join(home, ".ssh/known_hosts")},
	})}
	c, err := d.Dial(t.Context(), target)
	must(t, err)
	t.Cleanup(func() { c.Close(); d.Close() })
	return c
}

func (s *site) cached(node string) string {
	return s.sh("sh", "-c", `cd "$1/root/.cache/apply/bin" 2>/dev/null && find . -type f -printf '%m %f\n' | sort`, "cached", filepath.Join(s.dir, "root-"+node))
}

func TestRelay(t *testing.T) {
	s := newSite(t, "n1")
	program, err := seat.NewProgram(s.apply)
	must(t, err)
	conn := s.connect(t, transport.Target{Name: "n1", Address: "10.9.0.1"})
	start := func(t *testing.T) *seat.Client {
		c, err := seat.Start(t.Context(), conn, program, seat.At{Node: "n1"}, nil)
		must(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	whole := "700 apply-" + program.Hash + "\n"
	t.Run("brought once", func(t *testing.T) {
		start(t)
		if diff := cmp.Diff(whole, s.cached("n1")); diff != "" {
			t.Error(diff)
		}
		file := filepath.Join(s.dir, "root-n1/root/.cache/apply/bin/apply-"+program.Hash)
		before, err := os.Stat(file)
		must(t, err)
		start(t)
		after, err := os.Stat(file)
		must(t, err)
		if !os.SameFile(before, after) {
			t.Error("the program was brought again")
		}
	})
	t.Run("commands", func(t *testing.T) {
		c := start(t)
		for _, tt := range []struct {
			line, stdin, stdout, stderr string
			exit                        transport.Exit
		}{
			{line: "hostname; echo m >&2; exit 3", stdout: "n1\n", stderr: "m\n", exit: transport.Exit{Code: 3}},
			{line: "cat; pwd", stdin: "in", stdout: "in/root\n"},
			{line: "kill -9 $$", exit: transport.Exit{Code: 137, Signal: "KILL"}},
			{line: "exit 255", exit: transport.Exit{Code: 255}},
			{line: `printf '\377\000'`, stdout: "\xff\x00"},
			{line: "exec sleep 1000 & echo left", stdout: "left\n"},
		} {
			var out, messages bytes.Buffer
			command := transport.Command{Line: tt.line, Stdout: &out, Stderr: &messages}
			if tt.stdin != "" {
				command.Stdin = strings.NewReader(tt.stdin)
			}
			exit, err := c.Run(t.Context(), command)
			must(t, err)
			if diff := cmp.Diff([]any{tt.stdout, tt.stderr, tt.exit}, []any{out.String(), messages.String(), exit}); diff != "" {
				t.Errorf("%s: %s", tt.line, diff)
			}
		}
	})
	t.Run("ended", func(t *testing.T) {
		c := start(t)
		cause := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		line := "trap : TERM; setsid sleep 981 & sleep 982; sleep 983"
		if _, err := c.Run(ctx, transport.Command{Line: line, Grace: time.Second / 2}); !errors.Is(err, cause) {
			t.Errorf("want the cause, got %v", err)
		}
		exit, err := c.Run(t.Context(), transport.Command{Line: "pgrep -f '^sleep 98[123]'"})
		if exit.Code != 1 || err != nil {
			t.Errorf("the command's processes live: %v %v", exit, err)
		}
	})
	t.Run("cut", func(t *testing.T) {
		c := start(t)
		_, err := c.Run(t.Context(), transport.Command{Line: "setsid sleep 984 & kill -9 $PPID"})
		if !errors.Is(err, transport.ErrLost) {
			t.Errorf("want a lost connection, got %v", err)
		}
	})
	t.Run("replaced while it is brought", func(t *testing.T) {
		file := filepath.Join(s.dir, "replaced")
		must(t, os.WriteFile(file, []byte("one"), 0o755))
		other, err := seat.NewProgram(file)
		must(t, err)
		must(t, os.WriteFile(file, []byte("two"), 0o755))
		if _, err := seat.Start(t.Context(), conn, other, seat.At{Node: "n1"}, nil); err == nil || !strings.Contains(err.Error(), "replaced meanwhile") {
			t.Errorf("want a program that is refused, got %v", err)
		}
		if diff := cmp.Diff(whole, s.cached("n1")); diff != "" {
			t.Error(diff)
		}
	})
}
