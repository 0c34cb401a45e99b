package connect

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/record"
)

func TestWhatIsNotOpened(t *testing.T) {
	s := exchangetest.StartServer(t)
	_, dir := s.Enroll(t, "node01")
	open := t.TempDir()
	if err := os.WriteFile(filepath.Join(open, LoginFile), []byte("a:b"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, url, credentials, node, want string }{
		{"plain http", "http://h:1", dir, "node01", "use https"},
		{"another scheme", "ftp://h", dir, "node01", `scheme "ftp"`},
		{"no scheme", "h:1", dir, "node01", "not https:// or etcd://"},
		{"a path", "https://h:1/x", dir, "node01", "not of the form"},
		{"a password", "https://u:secret@h:1", dir, "node01", "not of the form"},
		{"no credentials", "https://h:1", t.TempDir(), "node01", "apply exchange enroll node01"},
		{"another node's credentials", s.URL, dir, "node02", "are of node node01, this is node02"},
		{"no host", "etcd://", dir, "node01", "not HOST or HOST:PORT"},
		{"an empty host", "etcd://a,,b", dir, "node01", "not HOST or HOST:PORT"},
		{"an etcd path", "etcd://a/b", dir, "node01", "not HOST or HOST:PORT"},
		{"a login that others can read", "etcd://a", open, "node01", "lets others read"},
		{"a deployment", "", dir, "node01", "bad name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{CredentialsDir: c.credentials, StateDir: t.TempDir(), Node: c.node}
			if c.name == "a deployment" {
				o.Deployment = "../x"
			}
			x, err := Open(t.Context(), c.url, o)
			if err == nil {
				x.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestARunOnEveryDriver carries one small deployment of two nodes (one, where there is no exchange) over each of them.
func TestARunOnEveryDriver(t *testing.T) {
	embedded := exchangetest.StartServer(t)
	for _, c := range []struct {
		name  string
		nodes []string
		url   func(t *testing.T) string
	}{
		{"file", []string{"node01"}, func(*testing.T) string { return "" }},
		{"embedded", []string{"node01", "node02"}, func(*testing.T) string { return embedded.URL }},
		{"etcd", []string{"node01", "node02"}, func(t *testing.T) string {
			return "etcd://" + strings.Join(exchangetest.StartEtcd(t, 1).Endpoints, ",")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := c.url(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			done := make(chan error, len(c.nodes))
			for _, n := range c.nodes {
				o := Options{CredentialsDir: t.TempDir(), StateDir: t.TempDir(), Node: n}
				if c.name == "embedded" {
					_, o.CredentialsDir = embedded.Enroll(t, n)
				}
				go func() { done <- converge(ctx, url, o, len(c.nodes)) }()
			}
			for range c.nodes {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func converge(ctx context.Context, url string, o Options, nodes int) (err error) {
	x, err := Open(ctx, url, o)
	if err != nil {
		return err
	}
	defer x.Close()
	w := record.Wait{Name: "w", Fact: "up", Group: "g", Min: nodes}
	r, err := x.Join(ctx, exchange.Identity{Node: o.Node, Groups: []string{"g"}, Boot: "b", Machine: o.Node, Run: "r"},
		exchange.Plan{Exports: []record.Export{{Fact: "up"}}, Waits: []record.Wait{w}})
	if err != nil {
		return err
	}
	if err := r.Publish(ctx, "up", json.RawMessage("true"), time.Hour); err != nil {
		return err
	}
	if _, err := r.Wait(ctx, w, nil); err != nil {
		return err
	}
	h, err := r.Enter(ctx, "restart", 1, nil)
	if err != nil {
		return err
	}
	if err := h.Leave(ctx); err != nil {
		return err
	}
	return r.End(ctx, "")
}

func TestTheLoginOfAnEtcdUser(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, LoginFile), []byte("node01:a:b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	user, password, err := login(dir)
	if user != "node01" || password != "a:b" || err != nil {
		t.Errorf("%q %q %v", user, password, err)
	}
	if user, _, err := login(t.TempDir()); user != "" || err != nil {
		t.Errorf("no login: %q %v", user, err)
	}
	for in, want := range map[string]string{"h": "h:2379", "h:1": "h:1", "::1": "[::1]:2379", "[::1]": "[::1]:2379", "[::1]:5": "[::1]:5"} {
		if got, err := withPort(in, "2379"); got != want || err != nil {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
}
