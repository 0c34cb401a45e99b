package etcd_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/host/hosttest"
)

func open(t *testing.T, o etcd.Options) *etcd.Store {
	t.Helper()
	s, err := etcd.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func fact(n int) []byte { return fmt.Appendf(nil, `{"status":"ok","value":%d}`, n) }

// TestAMemberIsKilledAndComesBack kills each member of three in turn while facts are written and watched.
func TestAMemberIsKilledAndComesBack(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cluster := exchangetest.StartEtcd(t, 3)
	s := open(t, etcd.Options{Endpoints: cluster.Endpoints})
	const key = "facts/default/node01/n"
	written := 0
	write := func(times int) {
		t.Helper()
		for range times {
			written++
			if _, err := store.Retry(ctx, func(ctx context.Context) (int64, error) {
				return s.Put(ctx, store.Put{Key: key, Value: fact(written), Expect: store.Any})
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := make(chan string, 1000)
	watched := make(chan error, 1)
	watchCtx, stop := context.WithCancel(ctx)
	go func() {
		rev := int64(0)
		for u, err := range store.Follow(watchCtx, s, "facts/") {
			if err != nil {
				watched <- err
				return
			}
			for _, e := range u.Changes {
				if e.Revision <= rev {
					t.Errorf("revision %d after %d", e.Revision, rev)
				}
				rev = e.Revision
				last <- string(e.Value)
			}
		}
	}()
	write(5)
	for i := range 3 {
		cluster.Kill(t, i)
		write(5)
		cluster.Start(t, i)
		write(5)
	}
	for v := ""; v != string(fact(written)); {
		select {
		case v = <-last:
		case <-ctx.Done():
			t.Fatalf("the watch does not see the last write; it saw %s", v)
		}
	}
	e, err := s.Get(ctx, key)
	if err != nil || string(e.Value) != string(fact(written)) {
		t.Errorf("%s, %v; want %s", e.Value, err, fact(written))
	}
	stop()
	if err := <-watched; !errors.Is(err, context.Canceled) {
		t.Errorf("watch: %v", err)
	}
}

func TestAClusterThatIsDown(t *testing.T) {
	why := errors.New("time is over")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, why)
	defer cancel()
	s := open(t, etcd.Options{Endpoints: []string{"127.0.0.1:1"}})
	if _, err := s.Get(ctx, "facts/x"); !errors.Is(err, why) && !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("get: %v", err)
	}
	for _, err := range s.Watch(ctx, "facts/", 1) {
		if !errors.Is(err, why) {
			t.Errorf("watch: %v, want %v", err, why)
		}
	}
}

func TestCompactedHistoryIsToldAndFollowListsAgain(t *testing.T) {
	cluster := exchangetest.StartEtcd(t, 1)
	s := open(t, etcd.Options{Endpoints: cluster.Endpoints})
	first, err := s.Put(t.Context(), store.Put{Key: "facts/default/a/x", Value: fact(1), Expect: store.Any})
	if err != nil {
		t.Fatal(err)
	}
	now, err := s.Put(t.Context(), store.Put{Key: "facts/default/a/x", Value: fact(2), Expect: store.Any})
	if err != nil {
		t.Fatal(err)
	}
	ctl := hosttest.Program(t, "etcdctl", "a compacted history")
	c := exec.CommandContext(t.Context(), ctl, "--endpoints", cluster.Endpoints[0], "compact", fmt.Sprint(now))
	c.Env = []string{"ETCDCTL_API=3"}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, err := range s.Watch(t.Context(), "facts/", first-1) {
		if !errors.Is(err, store.ErrCompacted) {
			t.Errorf("watch: %v, want %v", err, store.ErrCompacted)
		}
		break
	}
}

func denied(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrDenied) {
		t.Errorf("%s: %v, want %v", what, err, store.ErrDenied)
	}
}

// ownAlone checks that a store opened as node01 writes node01's facts alone, and reads all.
func ownAlone(t *testing.T, s store.Store) {
	t.Helper()
	put := func(key string) error {
		_, err := s.Put(t.Context(), store.Put{Key: key, Value: fact(1), Expect: store.Any})
		return err
	}
	if err := put("facts/default/node01/x"); err != nil {
		t.Errorf("its own: %v", err)
	}
	if err := put("facts/default/node01/.limit/x"); err != nil {
		t.Errorf("its place in a limit: %v", err)
	}
	denied(t, "another's", put("facts/default/node02/x"))
	denied(t, "one that begins with its name", put("facts/default/node011/x"))
	denied(t, "another deployment", put("facts/other/node01/x"))
	denied(t, "a parameter", put("facts/default/.params/x"))
	denied(t, "elsewhere", put("x"))
	if _, err := s.List(t.Context(), "facts/"); err != nil {
		t.Errorf("list all facts: %v", err)
	}
	_, err := s.List(t.Context(), "")
	denied(t, "list all", err)
}

// enableAuth makes the administrator root and asks for users from then on.
func enableAuth(t *testing.T, etcdctl ...string) {
	t.Helper()
	ctl := hosttest.Program(t, "etcdctl", "etcd's users and roles")
	for _, args := range [][]string{
		{"user", "add", "root:secret"}, {"role", "add", "root"}, {"user", "grant-role", "root", "root"}, {"auth", "enable"},
	} {
		c := exec.CommandContext(t.Context(), ctl, append(etcdctl, args...)...)
		c.Env = []string{"ETCDCTL_API=3"}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("etcdctl %s: %v: %s", args, err, out)
		}
	}
}

func TestUsersWithPasswords(t *testing.T) {
	cluster := exchangetest.StartEtcd(t, 1)
	enableAuth(t, "--endpoints", cluster.Endpoints[0])
	admin := open(t, etcd.Options{Endpoints: cluster.Endpoints, User: "root", Password: "secret"})
	e := etcd.Enrollment{Node: "node01", Deployments: []string{"default"}, Password: "pw"}
	for range 2 { // enrolling again is no error
		if err := admin.Enroll(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, etcd.Options{Endpoints: cluster.Endpoints, User: "node01", Password: "pw"})
	ownAlone(t, s)
	_, err := etcd.New(t.Context(), etcd.Options{Endpoints: cluster.Endpoints, User: "node01", Password: "wrong"})
	denied(t, "a wrong password", err)
	anonymous := open(t, etcd.Options{Endpoints: cluster.Endpoints})
	_, err = anonymous.List(t.Context(), "facts/")
	denied(t, "nobody", err)
	for _, want := range []error{nil, store.ErrNotFound} {
		if err := admin.Expel(t.Context(), "node01"); !errors.Is(err, want) {
			t.Fatalf("want %v, got %v", want, err)
		}
	}
	_, err = s.Put(t.Context(), store.Put{Key: "facts/default/node01/x", Value: fact(1), Expect: store.Any})
	denied(t, "after it was expelled", err)
}

func TestUsersByCertificate(t *testing.T) {
	dir := t.TempDir()
	a, err := pki.OpenAuthority(t.Context(), dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Server([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cluster := exchangetest.StartEtcd(t, 1, "--cert-file="+write("server.pem", "CERTIFICATE", server.Certificate[0]),
		"--key-file="+write("server.key", "PRIVATE KEY", key), "--trusted-ca-file="+filepath.Join(dir, "authority", "ca.pem"),
		"--client-cert-auth", "--enable-grpc-gateway=false")
	as := func(node string) *pki.Credentials {
		out := filepath.Join(dir, node)
		if err := a.Enroll(node, out); err != nil {
			t.Fatal(err)
		}
		c, err := pki.LoadCredentials(out)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := as("root")
	enableAuth(t, "--endpoints", "https://"+cluster.Endpoints[0], "--cacert", filepath.Join(dir, "authority", "ca.pem"),
		"--cert", filepath.Join(dir, "root", "node.pem"), "--key", filepath.Join(dir, "root", "node.key"))
	admin := open(t, etcd.Options{Endpoints: cluster.Endpoints, TLS: root.TLS("")})
	if err := admin.Enroll(t.Context(), etcd.Enrollment{Node: "node01", Deployments: []string{"default"}}); err != nil {
		t.Fatal(err)
	}
	ownAlone(t, open(t, etcd.Options{Endpoints: cluster.Endpoints, TLS: as("node01").TLS("")}))
	stranger := open(t, etcd.Options{Endpoints: cluster.Endpoints, TLS: as("node09").TLS("")})
	_, err = stranger.List(t.Context(), "facts/")
	denied(t, "a node that is not enrolled", err)
}

func TestCommandsOfAnEnrollment(t *testing.T) {
	got, err := etcd.Enrollment{Node: "node01", Deployments: []string{"default", "blue"}}.Commands()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"etcdctl role add apply-node01",
		"etcdctl role grant-permission apply-node01 --prefix=true read facts/",
		"etcdctl role grant-permission apply-node01 --prefix=true readwrite facts/default/node01/",
		"etcdctl role grant-permission apply-node01 --prefix=true readwrite facts/blue/node01/",
		"etcdctl user add node01 --no-password",
		"etcdctl user grant-role node01 apply-node01",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("commands (-want +got):\n%s", d)
	}
	if _, err := (etcd.Enrollment{Node: "a;reboot", Deployments: []string{"default"}}).Commands(); err == nil || !strings.Contains(err.Error(), "bad name") {
		t.Errorf("a hostile name: %v", err)
	}
}
