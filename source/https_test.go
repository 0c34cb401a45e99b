package source_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/sourcetest"
)

// gitServer is `git http-backend` behind TLS.
type gitServer struct {
	*sourcetest.HTTPS
	url string // of the repository
}

// newGitServer serves the repository at dir; the certificate is made known by GIT_SSL_CAINFO.
func newGitServer(t testing.TB, dir string, around ...func(http.Handler) http.Handler) gitServer {
	t.Helper()
	s, err := sourcetest.StartHTTPS(filepath.Dir(dir), around...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	g := gitServer{s, s.URL + "/" + filepath.Base(dir)}
	t.Setenv("GIT_SSL_CAINFO", g.certificate(t))
	t.Setenv("HOME", t.TempDir())
	return g
}

func (s gitServer) certificate(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := s.WriteCA(file); err != nil {
		t.Fatal(err)
	}
	return file
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
	s := newGitServer(t, r.dir, sourcetest.Login("user", "secret"))
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
	for _, s := range []gitServer{elsewhere, here} {
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
	if len(here.Auth()) == 0 || here.Auth()[0] == "" {
		t.Errorf("the host itself was sent none: %q", here.Auth())
	}
	if strings.Join(elsewhere.Auth(), "") != "" || len(elsewhere.Auth()) == 0 {
		t.Errorf("another host was sent: %q", elsewhere.Auth())
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
