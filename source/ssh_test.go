package source_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeapply/apply/source"
)

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
		{"an unknown host", "# nobody\n", "none is known", true, true},
		{"a host with another key", strings.Replace(other.hostKey, fmt.Sprint(other.port), fmt.Sprint(s.port), 1), "it changed", true, true},
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
	t.Run("by a name of ssh's configuration", func(t *testing.T) {
		s.home(t, "[127.0.0.1]:1 ssh-ed25519 AAAA\n", false)
		me, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(os.Getenv("HOME"), ".ssh")
		config := fmt.Sprintf("Host git*\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  IdentityFile %s\n  UserKnownHostsFile ~/.ssh/%%r\nHost *\n  User nobody\n",
			s.port, me.Username, s.userKey)
		for name, text := range map[string]string{"config": config, me.Username: s.hostKey, "stranger": s.hostKey} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, url := range []string{"ssh://gitserver" + r.dir, "gitserver:" + r.dir, fmt.Sprintf("ssh://%s@gitserver:%d%s", me.Username, s.port, r.dir)} {
			if _, err := checkout(t, url, "main", options(t)); err != nil {
				t.Errorf("%s: %v", url, err)
			}
		}
		if _, err := checkout(t, "ssh://stranger@gitserver"+r.dir, "main", options(t)); err == nil || !strings.Contains(err.Error(), "for user stranger") {
			t.Errorf("the user of the URL counts: %v", err)
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