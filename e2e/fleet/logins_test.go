package fleet_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// connector reaches nodes by ssh(1).
func (s *site) connector() string {
	return "ssh -q -F none -o 'UserKnownHostsFile=" + filepath.Join(s.dir, "home/.ssh/known_hosts") + "' -i " + filepath.Join(s.dir, "user_key")
}

// TestLogins: login shells that have their own ways with what they are told, or print before they do it.
func TestLogins(t *testing.T) {
	s := newSite(t, "n1")
	s.write("root-n2/root/.bashrc", "echo welcome; echo mind >&2\n")
	s.start("n2", "")
	s.start("n3", `ForceCommand echo "This account is currently not available."; exit 1`)
	s.write("root-n4/root/here", "")
	s.script("mount -t tmpfs -o noexec tmpfs " + filepath.Join(s.dir, "root-n4/root"))
	t.Cleanup(func() { s.sh("umount", "-l", filepath.Join(s.dir, "root-n4/root")) })
	s.start("n4", "")
	well := "n[1-2]"
	for node, shell := range map[string]string{"n5": "tcsh", "n6": "fish"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("left out is a node whose login shell is %s: %v", shell, err)
			continue
		}
		s.start(node, "ForceCommand exec "+path+` -c "$SSH_ORIGINAL_COMMAND"`)
		well += "," + node
	}
	for name := range s.nodes {
		s.await(name)
	}
	s.write("text", "brought")
	s.write("m/main.hcl", "file \"/srv/converged\" {\n  content = \"yes\"\n}\n")
	t.Run("nothing that is printed before is taken for an answer", func(t *testing.T) {
		s.want(s.run("fleet", "put", "-w", well, filepath.Join(s.dir, "text"), "/srv/text"), 0, "", "")
		s.want(s.run("fleet", "get", "-w", well, "/srv/text", filepath.Join(s.dir, "got")), 0, "", "")
		s.want(s.run("fleet", "diff", "-w", well, "--file", "/srv/text"), 0, " agree", "")
		s.want(s.run("fleet", "converge", "-w", well, filepath.Join(s.dir, "m")), 0, " changed, ", "")
		s.want(s.run("fleet", "exec", "-w", well, "--detach", "--", "true"), 0, "n2: process ", "")
		r := s.run("fleet", "nodes", "-w", well)
		s.want(r, 0, "n2  reachable  ", "")
		if strings.Contains(r.stdout, "welcome") || strings.Contains(r.stdout, "never") {
			t.Errorf("no version or last run:\n%s", r.stdout)
		}
	})
	t.Run("lines stay lines", func(t *testing.T) {
		r := s.run("fleet", "exec", "-b", "-w", well, "-x", "n2", "--", `printf '%s\n' "it's" 'a\\b' hi!
echo two | tr a-z A-Z`)
		s.want(r, 0, "\nit's\na\\\\b\nhi!\nTWO\n", "")
		if n := strings.Count(r.stdout, "TWO"); n != 1 {
			t.Errorf("the nodes differ:\n%s", r.stdout)
		}
	})
	t.Run("why it cannot be", func(t *testing.T) {
		none, noexec := "This account is currently not available.", "/root/.cache/apply/bin: is mounted noexec; let XDG_CACHE_HOME name another folder there"
		s.want(s.run("fleet", "nodes", "-w", "n3"), 1, "n3  failed  -  "+none, "n3: failed: "+none)
		s.want(s.run("fleet", "get", "-w", "n3", "/srv/text", filepath.Join(s.dir, "got")), 4, "", "n3: failed: "+none)
		s.want(s.run("fleet", "converge", "-w", "n[3-4]", filepath.Join(s.dir, "m")), 4, "", "n3: failed: no relay: "+none)
		s.want(s.run("fleet", "converge", "-w", "n[3-4]", filepath.Join(s.dir, "m")), 4, "", "n4: failed: no relay: "+noexec)
		s.want(s.run("fleet", "put", "-w", "n4", filepath.Join(s.dir, "text"), "/srv/text"), 0, "", noexec+"; its own tools are used")
	})
}

// TestLeftBehind: what a command leaves running is not waited for, and what a connector has begun ends with it.
func TestLeftBehind(t *testing.T) {
	s := newSite(t, "n1", "n2")
	t.Run("in the background", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "-w", "n[1-2]", "--timeout", "1m", "--", "sleep 986 & echo begun; exit 3"), 3, "n2: begun\n", "n[1-2]: failed: exit code 3")
		s.want(s.run("fleet", "exec", "-w", "n[1-2]", "--", "pkill -f '^sleep 986'"), 0, "", "2 of 2 ok")
	})
	t.Run("what it printed comes whole over a slow line", func(t *testing.T) {
		s.sh("ip", "netns", "exec", "n1", "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "2mbit", "burst", "16kbit", "latency", "50ms")
		s.want(s.run("fleet", "exec", "-w", "n1", "--", "head -c 1500000 /dev/zero | tr '\\000' x; echo end"), 0, "xend\n", "1 of 1 ok")
		s.sh("ip", "netns", "exec", "n1", "tc", "qdisc", "del", "dev", "eth0", "root")
	})
	t.Run("by a connector", func(t *testing.T) {
		cmd := s.command("fleet", "exec", "--connector", s.connector(), "-w", "n1", "--", "echo begun; sleep 987")
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		bufio.NewScanner(out).Scan() // it begins
		must(t, cmd.Process.Signal(syscall.SIGINT))
		cmd.Wait()
		s.want(result{code: cmd.ProcessState.ExitCode()}, 130, "", "")
		if left := s.sh("ip", "netns", "exec", "n1", "sh", "-c", "pgrep -f '^sleep 987' || :"); left != "" {
			t.Errorf("it lives on: %s", left)
		}
	})
}
