package transport

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	for want, argv := range map[string][]string{"a | b": {"a | b"}, `echo 'a b' 'it'\''s' '' -x`: {"echo", "a b", "it's", "", "-x"}} {
		if diff := cmp.Diff(want, Line(argv)); diff != "" {
			t.Error(diff)
		}
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
	c, err := NewConnector("sh -c 'sleep 60 & echo $! $0 $1'")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), Target{Name: "n1", User: "u"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	exit, err := conn.Run(t.Context(), Command{Line: "x y", Stdout: &out, Grace: time.Second / 10})
	var pid int
	if _, scanErr := fmt.Sscan(out.String(), &pid); scanErr != nil {
		t.Fatal(scanErr)
	}
	if killErr := syscall.Kill(pid, syscall.SIGKILL); killErr != nil {
		t.Error(killErr)
	}
	if err != nil || exit != (Exit{}) || !strings.HasSuffix(out.String(), " u@n1 x y\n") {
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
