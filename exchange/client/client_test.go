package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/wire"
)

func TestAddresses(t *testing.T) {
	for _, tc := range []struct{ url, host, socket, err string }{
		{"https://h", "h:7654", "", ""},
		{"https://h:1/", "h:1", "", ""},
		{"https://[fd00::1]", "[fd00::1]:7654", "", ""},
		{"unix:///run/x", pki.ServerName + ":7654", "/run/x", ""},
		{"http://h", "", "", "not of the form"},
		{"https://", "", "", "not of the form"},
		{"https://:7654", "", "", "not of the form"},
		{"https://u:secret@h", "", "", "not of the form"},
		{"https://h/path", "", "", "not of the form"},
		{"https://h?q", "", "", "not of the form"},
		{"https://h:port", "", "", "invalid port"},
	} {
		host, socket, err := address(tc.url)
		if host != tc.host || socket != tc.socket || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %q %q %v", tc.url, host, socket, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

// exchange is a server with an exchange's certificate, and a client of it as node01.
func exchange(t *testing.T, h http.Handler) (*Client, *pki.Authority, string) {
	t.Helper()
	a, err := pki.OpenAuthority(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Server([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = a.Serving(cert)
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := filepath.Join(t.TempDir(), "node01")
	if err := a.Enroll("node01", dir); err != nil {
		t.Fatal(err)
	}
	credentials, err := pki.LoadCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(s.URL, credentials)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, a, dir
}

// TestALongRunRenewsItsCertificate: with its lease, when it is time, and not at every beat when it cannot be had.
func TestALongRunRenewsItsCertificate(t *testing.T) {
	var a *pki.Authority
	var asked atomic.Int32
	var away atomic.Bool
	c, authority, dir := exchange(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != wire.RenewPath {
			wire.Write(w, http.StatusOK, wire.Reply{})
			return
		}
		asked.Add(1)
		leaf := r.TLS.PeerCertificates[0]
		b, err := a.Sign(leaf.Subject.CommonName, leaf.PublicKey)
		if err != nil || away.Load() {
			wire.Fail(w, store.ErrUnavailable)
			return
		}
		wire.Write(w, http.StatusOK, wire.Reply{Certificate: string(b)})
	}))
	a = authority
	now := time.Now()
	c.clock = func() time.Time { return now }
	read := func() string {
		b, err := os.ReadFile(filepath.Join(dir, "node.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := read()
	for _, step := range []struct {
		after   time.Duration
		away    bool
		asked   int32
		renewed bool
	}{
		{0, false, 0, false},
		{59 * 24 * time.Hour, false, 0, false},
		{2 * 24 * time.Hour, true, 1, false},
		{5 * time.Second, false, 1, false}, // it was asked a moment ago
		{renewEvery, false, 2, true},
	} {
		now = now.Add(step.after)
		away.Store(step.away)
		if err := c.Renew(t.Context(), 1); err != nil {
			t.Errorf("after %v: %v", step.after, err)
		}
		if got := asked.Load(); got != step.asked || (read() != before) != step.renewed {
			t.Errorf("after %v: asked %d times, want %d; another certificate: %v", step.after, got, step.asked, read() != before)
		}
	}
}

// TestAnswersToAnotherQuestion: an answer that is well-formed and not to what was asked is no answer.
func TestAnswersToAnotherQuestion(t *testing.T) {
	entry := wire.AppendEntry(nil, store.Event{Entry: store.Entry{Key: "other", Value: []byte("x"), Revision: 3}})
	c, _, _ := exchange(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q wire.Request
		if json.NewDecoder(r.Body).Decode(&q) != nil {
			t.Error("a request that is none")
		}
		if strings.HasSuffix(r.URL.Path, "list") {
			event := store.Event{Entry: store.Entry{Key: "other", Revision: 3}}
			b, _ := wire.Encode(nil, nil, wire.Frame{Event: &event})
			w.Header().Set("Content-Type", wire.Frames)
			w.Write(b)
			return
		}
		wire.Write(w, http.StatusOK, wire.Reply{Entry: entry})
	}))
	for what, call := range map[string]func() error{
		"get":   func() error { _, err := c.Get(t.Context(), "facts/d/n/up"); return err },
		"put":   func() error { _, err := c.Put(t.Context(), store.Put{Key: "facts/d/n/up"}); return err },
		"grant": func() error { _, err := c.Grant(t.Context(), time.Second); return err },
		"list":  func() error { _, err := c.List(t.Context(), "facts/d/"); return err },
	} {
		if err := call(); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "not an answer of an exchange") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestWhoDoesNotSpeakTLS is told at once: trying again would not help.
func TestWhoDoesNotSpeakTLS(t *testing.T) {
	c, _, _ := exchange(t, http.NotFoundHandler())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			conn.Close()
		}
	}()
	c.base.Host = ln.Addr().String()
	if _, err := c.Get(t.Context(), "k"); !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("got %v", err)
	}
}
