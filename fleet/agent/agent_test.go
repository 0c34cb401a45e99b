package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent/internal/audit"
	"github.com/nodeapply/apply/fleet/agent/internal/signed"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/fleet/wire"
)

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func operator(t *testing.T, who string, key ssh.Signer) string {
	t.Helper()
	line, err := OperatorLine(who, string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// joining is a connection on which the node's part of enrolling is run.
type joining struct {
	transport.Conn
	dir string
}

func (j joining) Run(_ context.Context, c transport.Command) (transport.Exit, error) {
	if err := Join(j.dir, c.Stdin, c.Stdout); err != nil {
		io.WriteString(c.Stderr, err.Error())
		return transport.Exit{Code: 1}, nil
	}
	return transport.Exit{}, nil
}

// node is an agent that runs, enrolled as n1 with one operator.
type node struct {
	dir       string
	audit     string
	journal   bytes.Buffer
	address   string
	authority *pki.Authority
	key       ssh.Signer
}

func newAuthority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.OpenAuthority(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func start(t *testing.T) *node {
	t.Helper()
	n := &node{dir: t.TempDir(), audit: filepath.Join(t.TempDir(), "agent.log"), authority: newAuthority(t), key: newKey(t)}
	if err := Enroll(t.Context(), joining{dir: n.dir}, "n1", "", n.authority, []string{operator(t, "alice@seat", n.key)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- Serve(ctx, Options{Listen: "127.0.0.1:0", Dir: n.dir, Audit: n.audit, Log: &n.journal, Ready: func(a net.Addr) { ready <- a }})
	}()
	select {
	case a := <-ready:
		n.address = a.String()
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		n.shorten(t)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n
}

// shorten makes the audit a file that can be removed, after it has been seen that it cannot where the file system guards it.
func (n *node) shorten(t *testing.T) {
	t.Helper()
	f, err := os.Open(n.audit)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil || flags&audit.AppendOnly == 0 {
		return
	}
	if err := os.Truncate(n.audit, 0); err == nil {
		t.Error("the audit can be shortened")
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags&^audit.AppendOnly); err != nil {
		t.Fatal(err)
	}
}

// dial connects to the node's agent as a seat.
func (n *node) dial(t *testing.T, a *pki.Authority, name string, keys ...ssh.Signer) (*conn, error) {
	t.Helper()
	d := &Dialer{Keys: keys, Timeout: 10 * time.Second, Connect: func(ctx context.Context, _ transport.Target, _ int) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", n.address)
	}}
	if err := d.Open(a); err != nil {
		t.Fatal(err)
	}
	c, err := d.Dial(t.Context(), transport.Target{Name: name})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	return c.(*conn), nil
}

func (n *node) entries(t *testing.T) (out []string) {
	t.Helper()
	text, err := os.ReadFile(n.audit)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Join([]string{e.Event, e.Operator, e.Line}, " "))
	}
	return out
}

func TestRun(t *testing.T) {
	n := start(t)
	c, err := n.dial(t, n.authority, "n1", newKey(t), n.key)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	exit, err := c.Run(t.Context(), transport.Command{Line: "echo out; echo err >&2; exit 7", Stdout: &stdout, Stderr: &stderr})
	if err != nil || exit.Code != 7 || stdout.String() != "out\n" || stderr.String() != "err\n" {
		t.Errorf("got %+v, %v, %q, %q", exit, err, &stdout, &stderr)
	}
	want := []string{"begun alice@seat echo out; echo err >&2; exit 7", "ended alice@seat echo out; echo err >&2; exit 7"}
	if diff := cmp.Diff(want, n.entries(t)); diff != "" {
		t.Errorf("the audit (-want +got):\n%s", diff)
	}
	if text, err := os.ReadFile(n.audit); err != nil || !bytes.Equal(text, n.journal.Bytes()) {
		t.Errorf("the journal is told something else than the audit: %v, %s", err, &n.journal)
	}
	if _, err := c.Run(t.Context(), transport.Command{Line: "cat", Stdin: strings.NewReader("x")}); !errors.As(err, new(*fleet.JobError)) {
		t.Error("input is taken, which nobody has signed")
	}
	if err := os.WriteFile(filepath.Join(n.dir, operatorsFile), []byte(operator(t, "bob", newKey(t))+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = c.Run(t.Context(), transport.Command{Line: "true"})
	var refused *fleet.JobError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "not among the signers") {
		t.Errorf("an operator who was taken out: %v", err)
	}
}

func TestRefused(t *testing.T) {
	n := start(t)
	c, err := n.dial(t, n.authority, "n1", n.key)
	if err != nil {
		t.Fatal(err)
	}
	command := func(g signed.Greeting, at time.Time, key ssh.Signer) signed.Envelope {
		e, err := signed.Sign(g, at, "touch "+n.dir+"/done", time.Second, key)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	send := func(e signed.Envelope) error {
		_, err := c.peer.Call(t.Context(), "run", e, wire.Streams{}, 0)
		return err
	}
	other, boot, now := c.hello, c.hello, c.hello.Time
	other.Node, boot.Boot = "n2", "00000000-0000-0000-0000-000000000000"
	good := command(c.hello, now, n.key)
	changed := good
	changed.Statement = strings.Replace(good.Statement, "touch", "rm", 1)
	for _, tt := range []struct {
		name string
		e    signed.Envelope
		want string
	}{
		{"a stranger's", command(c.hello, now, newKey(t)), "not among the signers"},
		{"changed on the way", changed, "does not match"},
		{"for another node", command(other, now, n.key), `signed for node "n2"`},
		{"before a boot", command(boot, now, n.key), "another boot"},
		{"of yesterday", command(c.hello, now.Add(-24*time.Hour), n.key), "signed at another time"},
		{"of tomorrow", command(c.hello, now.Add(24*time.Hour), n.key), "signed at another time"},
		{"unsigned", signed.Envelope{Statement: good.Statement}, "signature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := send(tt.e); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			if _, err := os.Stat(filepath.Join(n.dir, "done")); err == nil {
				t.Error("it was carried out")
			}
		})
	}
	if err := send(good); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(n.dir, "done")); err != nil {
		t.Fatal(err)
	}
	if err := send(good); err == nil || !strings.Contains(err.Error(), "replayed") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := os.Stat(filepath.Join(n.dir, "done")); err == nil {
		t.Error("it was carried out a second time")
	}
	if got := n.entries(t); len(got) != 10 || !strings.HasPrefix(got[9], "refused alice@seat touch") {
		t.Errorf("the audit: %q", got)
	}
}

// TestUnsignedInput: what a seat sends beside what an operator has signed does not reach the command.
func TestUnsignedInput(t *testing.T) {
	n := start(t)
	c, err := n.dial(t, n.authority, "n1", n.key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := signed.Sign(c.hello, c.hello.Time, "cat >"+n.dir+"/got", time.Second, n.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.peer.Call(t.Context(), "run", e, wire.Streams{Stdin: strings.NewReader("unsigned")}, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(n.dir, "got")); err != nil || len(got) > 0 {
		t.Errorf("want nothing, got %q, %v", got, err)
	}
}

func TestWhoConnects(t *testing.T) {
	n := start(t)
	for _, tt := range []struct {
		name      string
		authority *pki.Authority
		node      string
		key       ssh.Signer
		want      string
	}{
		{"another seat", newAuthority(t), "n1", n.key, "certificate"},
		{"another node's name", n.authority, "n2", n.key, "n1, not n2"},
		{"no key that is allowed", n.authority, "n1", newKey(t), "other operators' keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := n.dial(t, tt.authority, tt.node, tt.key); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
}

func TestJoinKeepsOperatorsAndKey(t *testing.T) {
	n := start(t)
	before, err := os.ReadFile(filepath.Join(n.dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := Enroll(t.Context(), joining{dir: n.dir}, "n1", "", n.authority, []string{operator(t, "alice@seat", n.key), operator(t, "bob@seat", newKey(t))}); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(n.dir, keyFile))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the node's key is another: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(n.dir, operatorsFile))
	if err != nil || strings.Count(string(text), "alice@seat") != 1 || strings.Count(string(text), "bob@seat") != 1 {
		t.Errorf("the operators: %v\n%s", err, text)
	}
	for file, mode := range map[string]os.FileMode{keyFile: 0o600, certFile: 0o644, operatorsFile: 0o644} {
		if info, err := os.Stat(filepath.Join(n.dir, file)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: want mode %o, got %v, %v", file, mode, info, err)
		}
	}
}
