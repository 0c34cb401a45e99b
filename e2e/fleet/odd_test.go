package fleet_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOdd is what is seldom asked for, and must be told truthfully all the same.
func TestOdd(t *testing.T) {
	s := newSite(t, "n1", "n2", "n3")
	s.silent("10.9.0.101")
	t.Run("gateways", func(t *testing.T) { s.oddGateways(t) })
	t.Run("what cannot be passed on", func(t *testing.T) {
		cmd := s.command("fleet", "exec", "-w", "n1", "--", "yes mark-of-a-flood")
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		must(t, err)
		defer full.Close()
		var messages bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &messages
		must(t, cmd.Start())
		cmd.Wait()
		s.want(result{code: cmd.ProcessState.ExitCode(), stderr: messages.String()}, 4, "", "n1: failed: write /dev/stdout: no space left on device")
		s.want(s.run("fleet", "exec", "-w", "n1", "--", "pgrep -x yes || echo none"), 0, "n1: none", "")
	})
	t.Run("a long line", func(t *testing.T) {
		r := s.run("fleet", "exec", "-w", "n1", "--", "head -c 3000000 /dev/zero | tr '\\0' x; echo; printf end")
		s.want(r, 0, "\nn1: end\n", "1 of 1 ok")
		if n := strings.Count(r.stdout, "x"); n != 3000000 {
			t.Errorf("of 3,000,000 characters %d came", n)
		}
	})
	t.Run("put", func(t *testing.T) { s.oddPut(t) })
	t.Run("get what cannot be taken", func(t *testing.T) {
		s.script("mkdir " + s.srv("n1") + "/pipes && cd " + s.srv("n1") + "/pipes && mkfifo a b c d e f g h && for i in 1 2 3 4 5 6; do truncate -s 20M big$i; done")
		r := s.run("fleet", "get", "--json", "--timeout", "1m", "-w", "n[1-2]", "/srv/pipes", "got")
		s.want(r, 4, "is neither a file, a folder nor a link", "")
		s.want(r, 4, "no such file or folder", "")
		if strings.Contains(r.stdout+r.stderr, "timed out") {
			t.Errorf("the node waits for somebody to take the rest\n%s", r.stderr)
		}
		if left, err := os.ReadDir(filepath.Join(s.dir, "got")); err != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	})
	t.Run("one node by two names", func(t *testing.T) {
		s.write("site/main.hcl", "exec \"x\" {\n  command = [\"sleep\", \"1\"]\n}\n")
		r := s.run("fleet", "converge", "-w", "n1,n1,10.9.0.1", "site")
		s.want(r, 4, "2 nodes: ", "failed: ")
		if !strings.Contains(r.stderr, "n1 are the same machine: ") && !strings.Contains(r.stderr, "n1, 10.9.0.1 are the same machine: ") {
			t.Errorf("want it told that they are the same machine, got %s", r.stderr)
		}
		s.want(s.run("fleet", "converge", "-w", "n1,n1", "site"), 0, "1 nodes: 1 changed", "1 of 1 ok: n1")
		s.want(s.run("fleet", "put", "-w", "n1", "site/main.hcl", "/srv/twice"), 0, "", "1 of 1 ok") // of two that make it at once one may be told that somebody made it
		s.want(s.run("fleet", "put", "-w", "n1,10.9.0.1", "site/main.hcl", "/srv/twice"), 0, "", "2 of 2 ok")
	})
	t.Run("interrupted", func(t *testing.T) { s.oddInterrupts(t) })
}

// oddGateways: behind a gateway behind a gateway, behind itself, behind each other.
func (s *site) oddGateways(t *testing.T) {
	inventory := func(gateways ...string) string {
		var b strings.Builder
		for i, via := range gateways {
			name := []string{"n1", "n2", "n3"}[i]
			b.WriteString("node \"" + name + "\" {\n  address = \"10.9.0." + name[1:] + "\"\n")
			if via != "" {
				b.WriteString("  gateway = \"" + via + "\"\n")
			}
			b.WriteString("}\n")
		}
		s.write("odd.hcl", b.String())
		return "odd.hcl"
	}
	from := []string{"--", "echo ${SSH_CONNECTION%% *}"}
	exec := func(inventory string) result {
		return s.run(append([]string{"fleet", "exec", "--connect-timeout", "5s", "--inventory", inventory}, from...)...)
	}
	s.want(exec(inventory("", "n1", "root@n2")), 0, "n3: 10.9.0.2\n", "3 of 3 ok")
	s.want(exec(inventory("n1", "10.9.0.2", "")), 0, "n2: 10.9.0.2\n", "3 of 3 ok")
	r := exec(inventory("n2", "n1", ""))
	s.want(r, 4, "n3: ", "n1: unreachable: gateway n2: gateway n1: is behind itself")
	s.want(r, 4, "", "1 of 3 ok: n3; 2 unreachable: n[1-2]")
	s.want(exec(inventory("10.9.0.101", "10.9.0.101", "")), 4, "n3: ", "n[1-2]: unreachable: gateway 10.9.0.101: timed out after 5s")
}

// oddPut: files that are seldom brought, and places where they are seldom brought to.
func (s *site) oddPut(t *testing.T) {
	src := filepath.Join(s.dir, "odd")
	s.script("mkdir -p " + src + " && cd " + src + ` && : >empty && printf x >"$(printf 'a\nb\377')" && printf y >-dash && ln -s nowhere dangling && mkdir -m 3777 none && truncate -s 5M sparse && chmod 0400 empty`)
	for range 2 { // the second run finds it all there
		s.want(s.run("fleet", "put", "-w", "n[1-2]", src, "/srv/"), 0, "", "2 of 2 ok")
		if diff := cmp.Diff(s.seen(src), s.seen(s.srv("n1")+"/odd")); diff != "" {
			t.Error(diff)
		}
	}
	s.want(s.run("fleet", "get", "-w", "n2", "/srv/odd", "back"), 0, "", "1 of 1 ok")
	if diff := cmp.Diff(s.seen(src), s.seen(filepath.Join(s.dir, "back/n2/odd"))); diff != "" {
		t.Error(diff)
	}
	s.script("cd " + s.srv("n1") + "/odd && rm empty sparse && mkdir sparse && echo old >empty && ln -s odd ../tolink && ln -s -- odd/-dash ../file && mkdir ../ro && cd .. && mkdir kept && touch kept/x")
	before := s.seen(s.srv("n1") + "/odd")
	s.want(s.run("fleet", "put", "-w", "n1", src, "/srv/"), 4, "", "n1: failed: /srv/odd/sparse: is a folder, not a file\n")
	if diff := cmp.Diff(before, s.seen(s.srv("n1")+"/odd")); diff != "" {
		t.Errorf("a put that could not be whole has changed something: %s", diff)
	}
	s.want(s.run("fleet", "put", "-w", "n1", filepath.Join(src, "-dash"), "/srv/tolink"), 0, "", "1 of 1 ok") // into the folder
	s.want(s.run("fleet", "put", "-w", "n1", filepath.Join(src, "empty"), "/srv/file"), 0, "", "1 of 1 ok")   // in the link's place
	s.content("n1", "odd/-dash", "y")
	s.want(s.run("fleet", "exec", "-w", "n1", "--", "mount -t tmpfs -o ro tmpfs /srv/ro"), 0, "", "")
	s.want(s.run("fleet", "put", "-w", "n1", src, "/srv/ro/odd"), 4, "", "n1: failed: /srv/ro: read-only file system\n")
	s.want(s.run("fleet", "put", "-w", "n[1-2]", filepath.Join(src, "empty"), "/dev/null"), 4, "", "n[1-2]: failed: /dev/null: is not a file\n")
	s.want(s.run("fleet", "put", "-w", "n[1-2]", filepath.Join(src, "empty"), "/proc/x"), 4, "", "n[1-2]: failed: /proc: ")
}

// oddInterrupts ends each command while one node is done and the other has not yet said a word: what was done is told, in JSON too.
func (s *site) oddInterrupts(t *testing.T) {
	s.write("site/main.hcl", "file \"/srv/done\" {\n  content = \"\"\n}\n")
	for name, args := range map[string][]string{
		"exec": {"exec", "-w", "n1,10.9.0.101", "--", "true"}, "diff": {"diff", "-w", "n1,10.9.0.101", "--", "true"}, "nodes": {"nodes", "-w", "n1,10.9.0.101"},
		"put": {"put", "-w", "n1,10.9.0.101", "site/main.hcl", "/srv/put"}, "get": {"get", "-w", "n1,10.9.0.101", "/etc/passwd", "got"},
		"converge": {"converge", "-w", "n1,10.9.0.101", "site"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := s.command(append([]string{"fleet", args[0], "--json", "--connect-timeout", "60s"}, args[1:]...)...)
			var out, messages bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &messages
			must(t, cmd.Start())
			// Connected to the silent node: the signal has its handler.
			for deadline := time.Now().Add(30 * time.Second); !strings.Contains(s.sh("ss", "-Htnp", "dst", "10.9.0.101"), fmt.Sprintf("pid=%d,", cmd.Process.Pid)); s.pause() {
				if time.Now().After(deadline) {
					t.Fatal("it does not begin")
				}
			}
			s.pause()
			must(t, cmd.Process.Signal(syscall.SIGTERM))
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 143 {
				t.Errorf("want exit code 143, got %d: %s%s", code, &out, &messages)
			}
			var last map[string]any
			for line := range bytes.Lines(out.Bytes()) {
				last = nil
				must(t, json.Unmarshal(line, &last))
			}
			ended := "interrupted"
			if name == "converge" {
				ended = "skipped" // no node is begun before all are prepared
			}
			if nodes, _ := last["nodes"].(map[string]any); last["event"] != "summary" || !strings.Contains(fmt.Sprint(nodes[ended]), "10.9.0.101") {
				t.Errorf("the summary is wrong: %v", last)
			}
		})
	}
}
