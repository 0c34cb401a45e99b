package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
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
	s.TLS, s.EnableHTTP2 = a.Serving(cert), true // many calls over one connection, as of the real one
	s.StartTLS()
	t.Cleanup(s.Close)
	c, dir := enrolled(t, a, s.URL)
	return c, a, dir
}

// enrolled is a client as node01, of the exchange at url with authority a, and the folder of its credentials.
func enrolled(t *testing.T, a *pki.Authority, url string) (*Client, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "node01")
	if err := a.Enroll("node01", dir); err != nil {
		t.Fatal(err)
	}
	credentials, err := pki.LoadCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(url, credentials)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, dir
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

// TestAClockThatIsWrong is told as such, and may be set right: by this node's the exchange's certificate has run out, or its authority is of the day after tomorrow.
func TestAClockThatIsWrong(t *testing.T) {
	for _, off := range []time.Duration{-365 * 24 * time.Hour, 48 * time.Hour} {
		elsewhere, err := pki.OpenAuthority(t.Context(), t.TempDir(), func() time.Time { return time.Now().Add(off) })
		if err != nil {
			t.Fatal(err)
		}
		cert, err := elsewhere.Server(nil)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS, s.Config.ErrorLog = elsewhere.Serving(cert), log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		c, _ := enrolled(t, elsewhere, s.URL)
		if _, err := c.Get(t.Context(), "k"); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "does not hold by this node's clock") {
			t.Errorf("%v off: %v", off, err)
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
