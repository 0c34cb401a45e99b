package server_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/server"
	"github.com/nodeapply/apply/exchange/store"
)

func TestWhoIsLetIn(t *testing.T) {
	s := exchangetest.StartServer(t)
	stranger := exchangetest.StartServer(t)
	foreign, _ := stranger.Enroll(t, "node01")
	c, err := client.New(s.URL, foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = put(t, c, mine, okFact("true"))
	want(t, "an exchange of another authority", err, store.ErrDenied)
	if err == nil || !strings.Contains(err.Error(), "not the one that enrolled this node") {
		t.Errorf("error %v", err)
	}
	// One that believes the server, but shows a certificate of another authority.
	tr := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: s.Authority(t).Pool(), GetClientCertificate: foreign.TLS("").GetClientCertificate,
	}}
	defer tr.CloseIdleConnections()
	if resp, err := (&http.Client{Transport: tr}).Post(s.URL+"/store/get", "application/json", strings.NewReader(`{"key":"facts/x"}`)); err == nil {
		resp.Body.Close()
		t.Errorf("a certificate of another authority is let in: %d", resp.StatusCode)
	}
	// A node's certificate does not make a server.
	own, dir := s.Enroll(t, "node02")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "node.pem"), filepath.Join(dir, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	imposter := httptest.NewUnstartedServer(http.NotFoundHandler())
	imposter.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	imposter.StartTLS()
	defer imposter.Close()
	c, err = client.New(imposter.URL, own)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want(t, "a node that plays the exchange", put(t, c, mine, okFact("true")), store.ErrDenied)
}

// A node that was enrolled by a clock that was ahead is let in when the clock is right again.
func TestEnrolledInTheFuture(t *testing.T) {
	s := exchangetest.StartServer(t)
	ahead, err := pki.OpenAuthority(t.Context(), s.Data, func() time.Time { return time.Now().AddDate(1, 0, 0) })
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "node01")
	if err := ahead.Enroll("node01", dir); err != nil {
		t.Fatal(err)
	}
	credentials, err := pki.LoadCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(s.URL, credentials)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := put(t, c, mine, okFact("true")); err != nil {
		t.Error(err)
	}
}

func TestRevokedNodesAreCutOff(t *testing.T) {
	s := exchangetest.StartServer(t)
	credentials, dir := s.Enroll(t, "node01")
	c, err := client.New(s.URL, credentials)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, c, mine, okFact("true")); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	begun := make(chan bool, 1)
	go func() {
		var last error
		for evs, err := range c.Watch(t.Context(), "facts/", 1) {
			last = err
			if len(evs) > 0 {
				begun <- true
			}
		}
		ended <- last
	}()
	<-begun
	if err := s.Authority(t).Revoke(t.Context(), "node01"); err != nil {
		t.Fatal(err)
	}
	want(t, "on the same connection", put(t, c, mine, okFact("false")), store.ErrDenied)
	want(t, "a watch that was open", <-ended, store.ErrDenied)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "node.pem"), filepath.Join(dir, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	if shakesHands(t, s, pair) {
		t.Error("a revoked certificate gets a connection")
	}
	c.Close()
	want(t, "on a new connection", put(t, c, mine, okFact("false")), store.ErrDenied)
	want(t, "to renew its certificate", c.RenewCertificate(t.Context(), time.Now().AddDate(1, 0, 0)), store.ErrDenied)
	again := s.Client(t, "node01")
	if err := put(t, again, mine, okFact("true")); err != nil {
		t.Errorf("enrolled again: %v", err)
	}
}

// shakesHands tells whether a certificate is let in as far as the first byte of an answer.
func shakesHands(t *testing.T, s *exchangetest.Server, pair tls.Certificate) bool {
	t.Helper()
	c, err := tls.Dial("tcp", s.Addr, &tls.Config{RootCAs: s.Authority(t).Pool(), ServerName: pki.ServerName, Certificates: []tls.Certificate{pair}})
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_, err = c.Read(make([]byte, 1))
	return err == nil
}

func TestACertificateIsRenewedByItsNode(t *testing.T) {
	s := exchangetest.StartServer(t)
	credentials, dir := s.Enroll(t, "node01")
	c, err := client.New(s.URL, credentials)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	read := func(f string) string {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before, key := read("node.pem"), read("node.key")
	if err := c.RenewCertificate(t.Context(), time.Now()); err != nil || read("node.pem") != before {
		t.Errorf("renewed before it is time: %v", err)
	}
	if err := c.RenewCertificate(t.Context(), time.Now().Add(61*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if read("node.pem") == before || read("node.key") != key {
		t.Error("want another certificate for the same key")
	}
	c.Close()
	if err := put(t, c, mine, okFact("true")); err != nil {
		t.Errorf("with the new certificate: %v", err)
	}
	if _, err := pki.LoadCredentials(dir); err != nil {
		t.Errorf("what was written: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, "node.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.LoadCredentials(dir); err == nil || !strings.Contains(err.Error(), "lets others read") {
		t.Errorf("a key that others can read: %v", err)
	}
}

// Who is beside the data of an exchange finds it.
func TestURL(t *testing.T) {
	for listens, want := range map[string]string{"": "https://localhost:7654", "127.0.0.1:7000": "https://127.0.0.1:7000", "[::]:7001": "https://localhost:7001", "0.0.0.0:1": "https://localhost:1", "[::1]:7002": "https://[::1]:7002"} {
		data := t.TempDir()
		if listens != "" {
			if err := os.WriteFile(filepath.Join(data, "address"), []byte(listens), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := server.URL(data); err != nil || got != want {
			t.Errorf("%q: want %s, got %s, %v", listens, want, got, err)
		}
	}
}
