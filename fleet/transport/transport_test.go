package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/shell"
)

// TestLoginShells: every login shell runs a line, and a script, as it is; what it prints before a script is no output of that.
func TestLoginShells(t *testing.T) {
	const text = "printf '%s\\n' 'it'\\''s' 'a\\\\b\\c' hi!you \\\nlast"
	for _, login := range []string{"sh", "bash", "mksh", "zsh", "tcsh", "fish"} {
		t.Run(login, func(t *testing.T) {
			path, err := exec.LookPath(login)
			if err != nil {
				t.Skipf("left out is this login shell: %v", err)
			}
			c, err := NewConnector(`sh -c 'echo welcome; SHELL=/bin/sh exec ` + path + ` -c "$1"'`)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := c.Dial(t.Context(), Target{Name: "n1"})
			if err != nil {
				t.Fatal(err)
			}
			for want, cmd := range map[string]Command{
				"welcome\nit's\na\\\\b\\c\nhi!you\nlast\n": {Line: text},
				"it's\na\\\\b\\c\nhi!you\nlast\n":          {Line: shell.Line([]string{"sh", "-c", text}), Script: true},
			} {
				var out strings.Builder
				cmd.Stdout = &out
				if exit, err := conn.Run(t.Context(), cmd); err != nil || exit != (Exit{}) {
					t.Errorf("got %+v, %v", exit, err)
				}
				if diff := cmp.Diff(want, out.String()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestNoBeginning: of a script that does not begin, what the login shell says in its place is told as a reason is.
func TestNoBeginning(t *testing.T) {
	for name, tt := range map[string]struct{ connector, want string }{
		"no login": {"sh -c 'echo not available; exit 1'", "not available\n"},
		"a flood":  {"yes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := NewConnector(tt.connector)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := c.Dial(t.Context(), Target{Name: "n1"})
			if err != nil {
				t.Fatal(err)
			}
			var stdout, stderr strings.Builder
			exit, err := conn.Run(t.Context(), Command{Line: "true", Script: true, Stdout: &stdout, Stderr: &stderr, Grace: time.Second / 10})
			if diff := cmp.Diff([]string{"", tt.want}, []string{stdout.String(), stderr.String()}); diff != "" {
				t.Error(diff)
			}
			if _, flood := errors.AsType[*OutputError](err); flood != (tt.want == "") || !flood && exit.Code != 1 {
				t.Errorf("got %+v, %v", exit, err)
			}
		})
	}
}

// TestConnectorEnds: what a program has begun elsewhere ends with it.
func TestConnectorEnds(t *testing.T) {
	c, err := NewConnector(`sh -c 'exec setsid -w sh -c "$1"'`)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), Target{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	fifo := filepath.Join(t.TempDir(), "fifo") // is read to its end when nobody has it open any more
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		f, err := os.Open(fifo)
		if err == nil {
			var b [1]byte
			_, err = f.Read(b[:]) // it runs
			cancel(why)
			_, rest := io.ReadAll(f)
			err = errors.Join(err, rest, f.Close())
		}
		ended <- err
	}()
	if _, err := conn.Run(ctx, Command{Line: "exec >" + fifo + "; echo; exec sleep 60", Grace: time.Second / 10}); !errors.Is(err, why) {
		t.Errorf("want %v, got %v", why, err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it lives on")
	}
}

func TestConnectorWords(t *testing.T) {
	got, err := words(`ssh -o 'A b' "" x"y z"`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ssh", "-o", "A b", "", "xy z"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := NewConnector("ssh 'a"); err == nil {
		t.Error("an open quote is accepted")
	}
}

// TestConnectorLeavesOne: a program that has ended well has ended well, also where what it started holds its output open.
func TestConnectorLeavesOne(t *testing.T) {
	c, err := NewConnector(`sh -c 'sleep 60 & echo $! $0; exec sh -c "$1"'`)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), Target{Name: "n1", User: "u"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	exit, err := conn.Run(t.Context(), Command{Line: "echo x y", Stdout: &out, Grace: time.Second / 10})
	var pid int
	if _, scanErr := fmt.Sscan(out.String(), &pid); scanErr != nil {
		t.Fatal(scanErr)
	}
	if killErr := syscall.Kill(pid, syscall.SIGKILL); killErr != nil {
		t.Error(killErr)
	}
	if err != nil || exit != (Exit{}) || !strings.HasSuffix(out.String(), " u@n1\nx y\n") {
		t.Errorf("got %+v, %v, %q", exit, err, out.String())
	}
}

// TestConnectorOutput: what cannot be passed on here is no fault of the node's connection.
func TestConnectorOutput(t *testing.T) {
	c, err := NewConnector("sh -c 'echo out; exec sleep 60'")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), Target{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	full := writerFunc(func([]byte) (int, error) { return 0, syscall.ENOSPC })
	_, err = conn.Run(t.Context(), Command{Line: "x", Stdout: full, Grace: time.Second / 10})
	if _, ok := errors.AsType[*OutputError](err); !ok || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
}
