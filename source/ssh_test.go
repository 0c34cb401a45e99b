package source_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/sourcetest"
)

// sshServer is sshd on the loopback interface, with keys of its own.
type sshServer struct{ *sourcetest.SSH }

func newSSHServer(t testing.TB) sshServer {
	t.Helper()
	s, err := sourcetest.StartSSH(t.TempDir())
	if errors.Is(err, sourcetest.ErrNone) {
		t.Skipf("%v: fetching over ssh is not tested", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return sshServer{s}
}

// home makes a home folder with this known_hosts and, if asked for, the key.
func (s sshServer) home(t testing.TB, knownHosts string, withKey bool) {
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
	key, err := os.ReadFile(s.UserKey)
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
	url := fmt.Sprintf("ssh://127.0.0.1:%d%s", s.Port, r.dir)
	s.home(t, s.HostKey, true)
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
		{"a host with another key", strings.Replace(other.HostKey, fmt.Sprint(other.Port), fmt.Sprint(s.Port), 1), "it changed", true, true},
		{"no key", s.HostKey, "no key was accepted", false, false},
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
		s.home(t, s.HostKey, false)
		t.Setenv("APPLY_GIT_SSH_KEY", s.UserKey)
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
			s.Port, me.Username, s.UserKey)
		for name, text := range map[string]string{"config": config, me.Username: s.HostKey, "stranger": s.HostKey} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, url := range []string{"ssh://gitserver" + r.dir, "gitserver:" + r.dir, fmt.Sprintf("ssh://%s@gitserver:%d%s", me.Username, s.Port, r.dir)} {
			if _, err := checkout(t, url, "main", options(t)); err != nil {
				t.Errorf("%s: %v", url, err)
			}
		}
		if _, err := checkout(t, "ssh://stranger@gitserver"+r.dir, "main", options(t)); err == nil || !strings.Contains(err.Error(), "for user stranger") {
			t.Errorf("the user of the URL counts: %v", err)
		}
	})
	t.Run("a key of the agent", func(t *testing.T) {
		s.home(t, s.HostKey, false)
		t.Setenv("SSH_AUTH_SOCK", newAgent(t, s.UserKey))
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
