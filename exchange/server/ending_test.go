package server_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/server"
)

// TestEnding: whoever waits for a fact when the exchange ends is told so, and that it may be back.
func TestEnding(t *testing.T) {
	authority, err := pki.OpenAuthority(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	token, err := authority.NewToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	looked := make(chan struct{}, 100)
	hub, err := ledger.NewHub(ledger.Volatile{}, func() time.Time {
		looked <- struct{}{}
		return time.Now()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for len(looked) > 0 {
		<-looked
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.On(ctx, ln, hub, authority, server.Options{}) }()
	go func() {
		<-looked // the request is there
		cancel()
	}()
	pool := authority.Pool()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: pki.ServerName}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+ln.Addr().String()+"/v1/nodes/n1/facts/up?wait=60s", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "shutting down") {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
