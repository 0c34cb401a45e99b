package operate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/connect"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/server"
	"github.com/nodeapply/apply/exchange/store"
)

func TestWhatAnOperatorSees(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
	dir := filepath.Join(t.TempDir(), "node01")
	if err := Enroll(t.Context(), s.Data, "node01", dir); err != nil {
		t.Fatal(err)
	}
	x, err := connect.Open(t.Context(), s.URL, connect.Options{CredentialsDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r, err := x.Join(t.Context(), exchange.Identity{Node: "node01", Groups: []string{"g", "h"}, Run: "r"},
		exchange.Plan{Exports: []record.Export{{Fact: "late"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	pr, pw := io.Pipe()
	watched := make(chan error, 1)
	go func() {
		watched <- Watch(ctx, pw, x.Exchange, false)
		pw.Close()
	}()
	lines := bufio.NewScanner(pr)
	lines.Scan()
	if d := cmp.Diff("node01: running", lines.Text()); d != "" {
		t.Errorf("watch (-want +got):\n%s", d)
	}
	if err := r.Publish(t.Context(), "up", json.RawMessage(`"\u001b[31mred"`), 0); err != nil {
		t.Fatal(err)
	}
	lines.Scan()
	if d := cmp.Diff(`node01 up = "\u001b[31mred"`, lines.Text()); d != "" {
		t.Errorf("watch (-want +got):\n%s", d)
	}
	if err := r.Fail(t.Context(), "late", "exec.x: \x1b]0;owned\x07exit 1"); err != nil {
		t.Fatal(err)
	}
	if err := r.End(t.Context(), "exec.x: exit 1"); err != nil {
		t.Fatal(err)
	}
	cancel()
	for lines.Scan() { // to the end of the watch
	}
	if err := <-watched; err != nil {
		t.Error(err)
	}
	var out strings.Builder
	if err := Nodes(t.Context(), &out, x.Exchange, false); err != nil {
		t.Fatal(err)
	}
	want := "NODE    RUN                     GROUPS  FACTS  WAITS FOR\nnode01  failed: exec.x: exit 1  g,h     2      \n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("nodes (-want +got):\n%s", d)
	}
	out.Reset()
	if err := Facts(t.Context(), &out, x.Exchange, "node01", false); err != nil {
		t.Fatal(err)
	}
	want = "late = (failed: exec.x: \uFFFD]0;owned\uFFFDexit 1)\nup = \"\\u001b[31mred\"\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
	for name, print := range map[string]func() error{
		`{"name":"node01","state":"failed"`: func() error { return Nodes(t.Context(), &out, x.Exchange, true) },
		`{"late":{"status":"failed"`:        func() error { return Facts(t.Context(), &out, x.Exchange, "node01", true) },
	} {
		out.Reset()
		if err := print(); err != nil || !strings.HasPrefix(out.String(), name) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("want one object on a line that begins %s, got %v %s", name, err, &out)
		}
	}
	if err := Facts(t.Context(), &out, x.Exchange, "node09", false); err == nil {
		t.Error("a node that has written nothing is no error")
	}
	if err := Revoke(t.Context(), s.Data, "node01"); err != nil {
		t.Fatal(err)
	}
	if err := Nodes(t.Context(), &out, x.Exchange, true); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("after it was revoked: %v", err)
	}
}

// TestForgetByAnother: another exchange's authority is told as that.
func TestForgetByAnother(t *testing.T) {
	s, other := exchangetest.StartServer(t, "", ""), t.TempDir()
	if _, err := pki.OpenAuthority(t.Context(), other, time.Now); err != nil {
		t.Fatal(err)
	}
	err := Forget(t.Context(), other, s.URL, exchange.DefaultDeployment, "n1", filepath.Join(t.TempDir(), "credentials"))
	if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "asked by the authority in "+other) {
		t.Errorf("another authority: %v", err)
	}
	if err := Forget(t.Context(), s.Data, s.URL, exchange.DefaultDeployment, "n1", filepath.Join(t.TempDir(), "credentials")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("its own: %v", err)
	}
}

func TestTokensAreKeptAsHashes(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
	token, err := Token(t.Context(), s.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Authority(t).CheckToken(token); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(filepath.Join(s.Data, "authority", "tokens.json"))
	if err != nil || strings.Contains(string(b), token) {
		t.Errorf("the token itself is kept (%v)", err)
	}
}

func TestEnrollWithEtcd(t *testing.T) {
	e := etcd.Enrollment{Node: "node01", Deployments: []string{"default"}}
	var out strings.Builder
	if err := EnrollEtcd(t.Context(), &out, nil, e, ""); err != nil || !strings.HasPrefix(out.String(), "etcdctl role add apply-node01\n") {
		t.Errorf("commands: %q %v", out.String(), err)
	}
	admin, err := connect.Open(t.Context(), "etcd://"+exchangetest.StartEtcd(t, 1).Endpoints[0], connect.Options{CredentialsDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	dir := filepath.Join(t.TempDir(), "out")
	if err := EnrollEtcd(t.Context(), &out, admin, e, dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, connect.LoginFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("login: %v %v", info.Mode(), err)
	}
}

func TestUnit(t *testing.T) {
	u := server.Unit("/usr/bin/apply", server.Options{Data: "/srv/my data", Listen: ":7"})
	for _, want := range []string{
		"ExecStart=/usr/bin/apply exchange serve --listen :7 --data \"/srv/my data\"\n", "ReadWritePaths=\"/srv/my data\"\n",
	} {
		if !strings.Contains(u, want) {
			t.Errorf("unit without %q:\n%s", want, u)
		}
	}
	if u := server.Unit("/usr/bin/apply", server.Options{}); !strings.Contains(u, "StateDirectory=apply/exchange\n") {
		t.Errorf("unit without its data folder:\n%s", u)
	}
}
