package fleet_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// TestBadInput is what operators get wrong, and what nodes have wrong with them: told for each node and folded, while the others go on.
func TestBadInput(t *testing.T) {
	s := newSite(t, "n1", "n2", "n3")
	s.write("fleet.hcl", s.storage())
	exec := func(args ...string) result { return s.run(append([]string{"fleet", "exec"}, args...)...) }
	t.Run("selection", func(t *testing.T) {
		s.want(exec("--on", "storge", "--", "true"), 1, "", "did you mean `storage`?")
		s.want(exec("-w", "@strage", "--", "true"), 1, "", "did you mean `storage`?")
		for _, set := range []string{"n[1-", "n[3-1]", "n[1-99999999]", "n1!", "n[a]", "n1&"} {
			s.want(exec("-w", set, "--", "true"), 1, "", set[:2])
		}
		s.want(exec("-f", "none.hosts", "--", "true"), 1, "", "none.hosts: no such file or directory")
		s.write("empty.hosts", "# nothing\n")
		s.want(exec("-f", "empty.hosts", "--", "true"), 1, "", "empty.hosts: no nodes in it")
		s.write("some.hosts", "n1\nn[2-3] # two\n")
		s.want(exec("-f", "some.hosts", "-w", "!n2", "-b", "--", "echo", "hi"), 0, "n[1,3] (2)", "2 of 2 ok")
		s.want(exec("-w", "@near&n[1-3]!n1", "-b", "--", "echo", "hi"), 0, "n[2-3] (2)", "2 of 2 ok")
	})
	t.Run("environment", func(t *testing.T) {
		s.env = []string{"APPLY_NODES=n[1-3]", "GEXEC_SVRS=n9"}
		defer func() { s.env = nil }()
		s.want(exec("-x", "n1", "-b", "--", "echo", "hi"), 0, "n[2-3] (2)", "2 of 2 ok")
		s.want(exec("-w", "n1", "--", "hostname"), 0, "n1: n1", "1 of 1 ok")
	})
	t.Run("keys", func(t *testing.T) {
		s.want(exec("-i", "none", "-w", "n1", "--", "true"), 1, "", "none: no such file or directory")
		s.sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", filepath.Join(s.dir, "guarded"))
		s.want(exec("-i", "guarded", "-w", "n[1-2]", "--", "true"), 4, "", "n[1-2]: unreachable: no key was accepted for user root (guarded: has a passphrase: add it to the agent, no agent)")
	})
	t.Run("locked agent", func(t *testing.T) {
		held := agent.NewKeyring()
		text, err := os.ReadFile(filepath.Join(s.dir, "user_key"))
		must(t, err)
		key, err := ssh.ParseRawPrivateKey(text)
		must(t, err)
		must(t, held.Add(agent.AddedKey{PrivateKey: key}))
		socket := filepath.Join(s.dir, "agent")
		ln, err := net.Listen("unix", socket)
		must(t, err)
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				serving.Go(func() { _ = agent.ServeAgent(held, c); c.Close() }) // ends with its client
			}
		})
		defer serving.Wait()
		defer ln.Close()
		must(t, os.Rename(filepath.Join(s.dir, "home/.ssh/id_ed25519"), filepath.Join(s.dir, "away")))
		defer os.Rename(filepath.Join(s.dir, "away"), filepath.Join(s.dir, "home/.ssh/id_ed25519"))
		s.env = []string{"SSH_AUTH_SOCK=" + socket}
		defer func() { s.env = nil }()
		s.want(exec("-w", "n[1-2]", "--", "true"), 0, "", "2 of 2 ok")
		must(t, held.Lock([]byte("secret")))
		s.want(exec("-w", "n[1-2]", "--", "true"), 4, "", "n[1-2]: unreachable: no key was accepted for user root (the agent holds no key, or is locked)")
	})
	t.Run("host key changed on one node", func(t *testing.T) {
		key, err := os.ReadFile(filepath.Join(s.dir, "other_key.pub"))
		must(t, err)
		good, err := os.ReadFile(filepath.Join(s.dir, "home/.ssh/known_hosts"))
		must(t, err)
		_, hostKey, _ := strings.Cut(string(good), " ")
		s.write("home/.ssh/known_hosts", "10.9.0.2 "+string(key)+"10.9.0.1,10.9.0.3 "+hostKey)
		defer s.write("home/.ssh/known_hosts", string(good))
		s.write("site/main.hcl", "file \"/srv/x\" {\n  content = \"\"\n}\n")
		s.want(s.run("fleet", "converge", "-w", "n[1-3]", "site"), 4, "", "n2: unreachable: host key not trusted: it changed")
		s.content("n3", "x", "")
	})
	t.Run("no space on one node", func(t *testing.T) {
		s.want(exec("-w", "n2", "--", "mkdir -p /root/.cache/apply/fleet && mount -t tmpfs -o size=64k tmpfs /root/.cache/apply/fleet"), 0, "", "")
		defer exec("-w", "n2", "--", "umount /root/.cache/apply/fleet")
		big := make([]byte, 1<<20)
		s.write("site/big", string(big))
		r := s.run("fleet", "converge", "-w", "n[1-3]", "site")
		s.want(r, 4, "", "2 of 3 ok: n[1,3]; 1 failed: n2")
		s.want(r, 4, "", "o space left on device")
	})
	t.Run("a run is at work there", func(t *testing.T) {
		s.want(exec("-w", "n1", "--detach", "--", "cd /root/.cache/apply/fleet/*/ && exec 9>>lock && flock 9 && touch /srv/held && exec sleep 300"), 0, "", "")
		for {
			if _, err := os.Stat(s.srv("n1") + "/held"); err == nil {
				break
			}
			s.pause()
		}
		s.want(s.run("fleet", "converge", "-w", "n[1,3]", "site"), 4, "", "n1: failed: another run of this manifest is at work here\n1 of 2 ok: n3")
	})
}
