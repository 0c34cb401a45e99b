// Package exchangetest runs what the exchange stands on for the time of a test: embedded exchanges in the test's process, and real etcd clusters.
package exchangetest

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/server"
)

// Server is an embedded exchange in the test's process.
type Server struct {
	URL  string
	Addr string
	Data string
	stop context.CancelFunc
	done chan error
}

// StartServer runs a new embedded exchange on the loopback interface until the test ends.
func StartServer(t testing.TB) *Server {
	t.Helper()
	return StartServerOn(t, t.TempDir(), "")
}

// StartServerOn runs the exchange of a folder, such as one that was stopped, at an address, "" for any.
func StartServerOn(t testing.TB, data, listen string) *Server {
	t.Helper()
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &Server{Data: data, stop: cancel, done: make(chan error, 1)}
	ready := make(chan net.Addr, 1)
	go func() {
		s.done <- server.Serve(ctx, server.Options{Listen: listen, Data: data, Ready: func(a net.Addr) { ready <- a }})
	}()
	select {
	case a := <-ready:
		s.Addr = a.String()
		s.URL = "https://" + s.Addr
	case err := <-s.done:
		cancel()
		t.Fatalf("exchange does not start: %v", err)
	}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Stop ends the exchange and waits for it; a second time does nothing.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.stop == nil {
		return
	}
	s.stop()
	s.stop = nil
	if err := <-s.done; err != nil {
		t.Errorf("exchange: %v", err)
	}
}

// Authority is that of the server.
func (s *Server) Authority(t testing.TB) *pki.Authority {
	t.Helper()
	a, err := pki.OpenAuthority(t.Context(), s.Data, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Enroll makes credentials for a node, in a new folder.
func (s *Server) Enroll(t testing.TB, node string) (*pki.Credentials, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), node)
	if err := s.Authority(t).Enroll(node, dir); err != nil {
		t.Fatal(err)
	}
	c, err := pki.LoadCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

// Client is a client of the server as an enrolled node.
func (s *Server) Client(t testing.TB, node string) *client.Client {
	t.Helper()
	credentials, _ := s.Enroll(t, node)
	c, err := client.New(s.URL, credentials)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
