package operate

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/connect"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/server"
	"github.com/nodeapply/apply/exchange/store"
)

// TestForgetByAnother: another exchange's authority is told as that.
func TestForgetByAnother(t *testing.T) {
	s, other := exchangetest.StartServer(t), t.TempDir()
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

// TestRevoke: a name that nobody was let in by is told, and put out all the same.
func TestRevoke(t *testing.T) {
	data := t.TempDir()
	for _, node := range []string{"n2", "n1", "n1"} {
		if err := Enroll(t.Context(), data, node, filepath.Join(t.TempDir(), node)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := Revoke(t.Context(), data, "n1"); err != nil {
			t.Error(err)
		}
	}
	var stranger *StrangerError
	if err := Revoke(t.Context(), data, "n3"); !errors.As(err, &stranger) || stranger.Node != "n3" || !slices.Equal(stranger.Known, []string{"n1", "n2"}) {
		t.Errorf("never enrolled: %v", err)
	}
	list, err := os.ReadFile(filepath.Join(data, "authority", "revoked.json"))
	if err != nil || !strings.Contains(string(list), `"n1"`) || !strings.Contains(string(list), `"n3"`) {
		t.Errorf("put out are %s (%v)", list, err)
	}
}

func TestTokensAreKeptAsHashes(t *testing.T) {
	s := exchangetest.StartServer(t)
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
	if commands, err := e.Commands(); err != nil || commands[0] != "etcdctl role add apply-node01" {
		t.Errorf("commands: %q %v", commands, err)
	}
	admin, err := connect.Open(t.Context(), "etcd://"+exchangetest.StartEtcd(t, 1).Endpoints[0], connect.Options{CredentialsDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	dir := filepath.Join(t.TempDir(), "out")
	if err := EnrollEtcd(t.Context(), admin, e, dir); err != nil {
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
