package source_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source"
)

// gitServer is `git http-backend` behind TLS.
type gitServer struct {
	*httptest.Server
	url string // of the repository

	mu   sync.Mutex
	auth []string // the Authorization of each request
}

// newGitServer serves the repository at dir; the certificate is made known by GIT_SSL_CAINFO.
func newGitServer(t testing.TB, dir string, around ...func(http.Handler) http.Handler) *gitServer {
	t.Helper()
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	s := &gitServer{}
	var h http.Handler = &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	for _, f := range around {
		h = f(h)
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.auth = append(s.auth, r.Header.Get("Authorization"))
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	s.url = s.URL + "/" + filepath.Base(dir)
	t.Setenv("GIT_SSL_CAINFO", s.certificate(t))
	t.Setenv("HOME", t.TempDir())
	return s
}

func (s *gitServer) certificate(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// login demands user:secret.
func login(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "user" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func checkout(t testing.TB, url, ref string, o source.Options) (*source.Tree, error) {
	t.Helper()
	src, err := source.New(url, ref, "")
	if err != nil {
		t.Fatal(err)
	}
	return source.Checkout(t.Context(), src, o)
}

func TestHTTPS(t *testing.T) {
	r := newRepo(t)
	one := r.head()
	r.git("tag", "-a", "-m", "x", "v1")
	two := r.commit("two", "main.hcl", "two\n", "big", strings.Repeat("line\n", 100_000))
	three := r.commit("three", "main.hcl", "three\n")
	s := newGitServer(t, r.dir)
	o := options(t)
	for _, tt := range []struct{ ref, commit string }{
		{"v1", one}, {"main", three},
		{two, two}, // not advertised: by way of the whole history
		{one[:7], one},
	} {
		t.Run(tt.ref, func(t *testing.T) {
			for range 2 {
				got, err := checkout(t, s.url, tt.ref, o)
				if err != nil {
					t.Fatal(err)
				}
				if got.Commit != tt.commit || got.TreeHash != r.git("rev-parse", tt.commit+"^{tree}") {
					t.Errorf("want %s, got %+v", tt.commit, got)
				}
			}
		})
	}
	four := r.commit("four", "main.hcl", "four\n")
	if got, err := checkout(t, s.url, "main", o); err != nil || got.Commit != four {
		t.Errorf("a branch that moved on: %v %v", got, err)
	}
	if _, err := checkout(t, s.url+"-none", "main", o); err == nil || !strings.Contains(err.Error(), "repository not found") {
		t.Errorf("no such repository: %v", err)
	}
	s.Close()
	got, err := checkout(t, s.url, "main", o)
	if err != nil || got.Commit != four || !strings.Contains(strings.Join(got.Warnings, ""), "connection refused") {
		t.Errorf("unreachable: %+v %v", got, err)
	}
}

func TestFetchIsShallow(t *testing.T) {
	r := newRepo(t)
	r.commit("large", "large", string(noise(1<<20)))
	if err := os.Remove(filepath.Join(r.dir, "large")); err != nil {
		t.Fatal(err)
	}
	r.commit("without it")
	s := newGitServer(t, r.dir)
	o := options(t)
	if _, err := checkout(t, s.url, "main", o); err != nil {
		t.Fatal(err)
	}
	packs, err := filepath.Glob(filepath.Join(o.StateDir, "git/*/objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatalf("want a pack, got %v %v", packs, err)
	}
	info, err := os.Stat(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 4096 {
		t.Errorf("%d bytes: the pack has what no file is made of", info.Size())
	}
}

func TestHTTPSCredentials(t *testing.T) {
	r := newRepo(t)
	s := newGitServer(t, r.dir, login)
	host := strings.TrimPrefix(s.URL, "https://")
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	netrc := filepath.Join(os.Getenv("HOME"), ".netrc")
	for _, tt := range []struct{ name, env, netrc, want string }{
		{"none", "", "", "authentication required"},
		{"netrc", "", "machine other login x password y\nmachine " + name + "\n\tlogin user password secret\n", ""},
		{"netrc of another host", "", "machine other login user password secret", "authentication required"},
		{"the default of netrc", "", "default login user password secret", "authentication required"},
		{"environment", "https://x:y@other.example https://user:secret@" + host, "", ""},
		{"environment for another port", "https://user:secret@" + name + ":1", "", "authentication required"},
		{"environment before netrc", "https://user:secret@" + host, "machine " + name + " login user password wrong", ""},
		{"wrong", "https://user:wrong@" + host, "", "authentication required"},
		{"malformed", "user:secret", "", "not of the form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("APPLY_GIT_CREDENTIALS", tt.env)
			if err := os.WriteFile(netrc, []byte(tt.netrc), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := checkout(t, s.url, "main", options(t))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("tells the password: %v", err)
			}
		})
	}
}

func TestRedirectsDoNotTakeCredentialsElsewhere(t *testing.T) {
	r := newRepo(t)
	elsewhere := newGitServer(t, r.dir)
	here := newGitServer(t, r.dir, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.RequestURI(), http.StatusFound)
		})
	})
	both := filepath.Join(t.TempDir(), "both.pem")
	var all []byte
	for _, s := range []*gitServer{elsewhere, here} {
		one, err := os.ReadFile(s.certificate(t))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one...)
	}
	if err := os.WriteFile(both, all, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_SSL_CAINFO", both)
	t.Setenv("APPLY_GIT_CREDENTIALS", strings.Replace(here.URL, "://", "://user:secret@", 1))
	if _, err := checkout(t, here.url, "main", options(t)); err != nil {
		t.Fatal(err)
	}
	if len(here.auth) == 0 || here.auth[0] == "" {
		t.Errorf("the host itself was sent none: %q", here.auth)
	}
	if strings.Join(elsewhere.auth, "") != "" || len(elsewhere.auth) == 0 {
		t.Errorf("another host was sent: %q", elsewhere.auth)
	}
}

func TestTLSIsVerified(t *testing.T) {
	r := newRepo(t)
	s := newGitServer(t, r.dir)
	o := options(t)
	if _, err := checkout(t, s.url, "main", o); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_SSL_CAINFO", "")
	_, err := checkout(t, s.url, "main", o) // the cache does not help a server that is not who it should be
	if !errors.Is(err, source.ErrUntrusted) || !strings.Contains(err.Error(), "identity could not be verified") {
		t.Errorf("an unknown authority: %v", err)
	}
	t.Setenv("GIT_SSL_CAINFO", "/nonexistent")
	if _, err := checkout(t, s.url, "main", options(t)); err == nil || errors.Is(err, source.ErrUntrusted) {
		t.Errorf("a file that is missing: %v", err)
	}
}

// sshServer is sshd on the loopback interface, with keys of its own.
type sshServer struct {
	port    int
	hostKey string // a line for known_hosts
	userKey string // path
}

func newSSHServer(t testing.TB) *sshServer {
	t.Helper()
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Skip("no sshd (openssh-server): fetching over ssh is not tested")
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd insists on it
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v %s", err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshServer{port: l.Addr().(*net.TCPAddr).Port, userKey: filepath.Join(dir, "user")}
	l.Close()
	config := fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s/host\nAuthorizedKeysFile %s/user.pub\nPidFile none\nStrictModes no\n"+
		"UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nSetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*\n",
		s.port, dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, sshd, "-D", "-e", "-f", filepath.Join(dir, "config"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "Server listening") {
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-drained
		cmd.Wait()
	})
	public, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	s.hostKey = fmt.Sprintf("[127.0.0.1]:%d %s", s.port, public)
	return s
}

// home makes a home folder with this known_hosts and, if asked for, the key.
func (s *sshServer) home(t testing.TB, knownHosts string, withKey bool) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".ssh/known_hosts"), []byte(knownHosts), 0o600); err != nil {
		t.Fatal(err)
	}
	if !withKey {
		return
	}
	key, err := os.ReadFile(s.userKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".ssh/id_ed25519"), key, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSSH(t *testing.T) {
	s := newSSHServer(t)
	r := newRepo(t)
	one := r.head()
	r.git("tag", "-a", "-m", "x", "v1")
	two := r.commit("two", "main.hcl", "two\n")
	three := r.commit("three", "main.hcl", "three\n")
	url := fmt.Sprintf("ssh://127.0.0.1:%d%s", s.port, r.dir)
	s.home(t, s.hostKey, true)
	o := options(t)
	for _, tt := range []struct{ ref, commit string }{{"v1", one}, {"main", three}, {two, two}, {two[:8], two}} {
		got, err := checkout(t, url, tt.ref, o)
		if err != nil {
			t.Fatal(err)
		}
		if got.Commit != tt.commit {
			t.Errorf("%s: want %s, got %s", tt.ref, tt.commit, got.Commit)
		}
	}
	if _, err := checkout(t, url+"/it's", "main", o); err == nil || !strings.Contains(err.Error(), "it's") {
		t.Errorf("no such repository: %v", err)
	}
	other := newSSHServer(t)
	for _, tt := range []struct {
		name, knownHosts, want string
		key, untrusted         bool
	}{
		{"an unknown host", "# nobody\n", "key is unknown", true, true},
		{"a host with another key", strings.Replace(other.hostKey, fmt.Sprint(other.port), fmt.Sprint(s.port), 1), "key mismatch", true, true},
		{"no key", s.hostKey, "no key was accepted", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.home(t, tt.knownHosts, tt.key)
			_, err := checkout(t, url, "main", options(t))
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, source.ErrUntrusted) != tt.untrusted {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
	t.Run("a key of the environment", func(t *testing.T) {
		s.home(t, s.hostKey, false)
		t.Setenv("APPLY_GIT_SSH_KEY", s.userKey)
		if _, err := checkout(t, url, "main", options(t)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a key of the agent", func(t *testing.T) {
		s.home(t, s.hostKey, false)
		t.Setenv("SSH_AUTH_SOCK", newAgent(t, s.userKey))
		if _, err := checkout(t, url, "main", options(t)); err != nil {
			t.Error(err)
		}
	})
}

// newAgent starts ssh-agent with one key and returns its socket.
func newAgent(t testing.TB, key string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	stdout, err := cmd.StdoutPipe() // it says where it is when it listens
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	add := exec.Command("ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v %s", err, out)
	}
	return socket
}

// TestSilentServer: a server that accepts and says nothing holds nobody longer than the context allows.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 2)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_KNOWN_HOSTS", filepath.Join(home, "hosts"))
	if err := os.WriteFile(filepath.Join(home, "hosts"), []byte("# none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, scheme := range []string{"ssh", "https"} {
		src, err := source.New(scheme+"://"+l.Addr().String()+"/repo", "main", "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("timed out after 200ms"))
		_, err = source.Checkout(ctx, src, options(t))
		cancel()
		got[scheme] = err != nil && strings.Contains(err.Error(), "timed out after 200ms")
		if !got[scheme] {
			t.Logf("%s: %v", scheme, err)
		}
	}
	if diff := cmp.Diff(map[string]bool{"ssh": true, "https": true}, got); diff != "" {
		t.Error(diff)
	}
	l.Close()
	for c := range accepted {
		c.Close()
	}
}
