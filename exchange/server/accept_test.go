package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/server"
)

// exhausted is a listener of a process that has no descriptors left for its first connections.
type exhausted struct {
	net.Listener
	tries int
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.tries--; e.tries >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return e.Listener.Accept()
}

// TestOutOfDescriptors: that nobody can connect is told once, and that they can again; the end of the listener is no such thing.
func TestOutOfDescriptors(t *testing.T) {
	authority, err := pki.OpenAuthority(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := ledger.NewHub(ledger.Volatile{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- server.On(ctx, &exhausted{ln, 3}, hub, authority, server.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: authority.Pool(), ServerName: pki.ServerName})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"too many open files": 1, "cannot be accepted": 1, "accepted again": 1} {
		if got := strings.Count(log.String(), text); got != want {
			t.Errorf("%q is told %d times, want %d:\n%s", text, got, want, &log)
		}
	}
}
