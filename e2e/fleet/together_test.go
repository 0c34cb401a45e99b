package fleet_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// together is the classic: start here, wait for the others, then act on one node that is chosen without configuration.
const together = `
file "/srv/started" {
  content = "yes"
}
fact "up" {
  value   = true
  require = [file["/srv/started"]]
}
wait "all" {
  fact    = "up"
  group   = "storage"
  timeout = "60s"
}
file "/srv/peers" {
  content = join(" ", wait.all.names)
}
exec "create" {
  when    = wait.all.first == fact.hostname
  command = ["sh", "-c", "echo volume > /srv/volume"]
  unless  = "test -e /srv/volume"
}
`

// jointReport is what these tests read of a joint report.
type jointReport struct {
	Code         int
	Commit, Mode string
	Nodes        []struct {
		Node, Outcome, Error string
		Results              []struct {
			Address, Outcome string
			Error            struct{ Summary string }
		}
		Summary struct {
			Orphans []struct{ Address string }
		}
	}
	Waits []struct {
		Node, Wait, Fact string
		Met              bool
		For              []struct{ Node string }
	}
}

func (s *site) joint(name string) (r jointReport) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	must(s.t, err)
	must(s.t, json.Unmarshal(text, &r))
	return r
}

// storage is an inventory of a group that is spread over both segments.
func (s *site) storage() string {
	return strings.ReplaceAll(s.inventory(), "  address =", "  groups  = [\"storage\"]\n  address =")
}

func (s *site) absent(node, file string) {
	s.t.Helper()
	if _, err := os.Lstat(s.srv(node) + "/" + file); err == nil {
		s.t.Errorf("%s: /srv/%s is there", node, file)
	}
}

func (s *site) content(node, file, want string) {
	s.t.Helper()
	got, err := os.ReadFile(s.srv(node) + "/" + file)
	if err != nil || string(got) != want {
		s.t.Errorf("%s: /srv/%s: want %q, got %q, %v", node, file, want, got, err)
	}
}

func TestConvergeTogether(t *testing.T) {
	s := newSite(t, "n1", "n2", "gw", "b1")
	s.write("fleet.hcl", s.storage())
	t.Run("waits over the fleet's own connections", func(t *testing.T) {
		s.write("site/main.hcl", together+"file \"/srv/old\" {\n  content = \"\"\n}\n")
		r := s.run("fleet", "converge", "-w", "n[1-2],b1", "--report", "joint.json", "--report", "joint.html", "--report", "joint.xml", "--report", "joint.prom", "site/main.hcl")
		s.want(r, 0, "3 nodes: 16 changed", "3 of 3 ok: b1,n[1-2]")
		for _, n := range []string{"n1", "n2", "b1"} {
			s.content(n, "peers", "b1 n1 n2")
		}
		s.content("b1", "volume", "volume\n")
		s.absent("n1", "volume")
		got := s.joint("joint.json")
		if len(got.Waits) != 3 || !got.Waits[0].Met || len(got.Waits[0].For) != 3 || got.Waits[0].Fact != "up" {
			t.Errorf("the waits are told wrongly: %+v", got.Waits)
		}
		for file, want := range map[string]string{
			"joint.html": "<td>wait.all</td>", "joint.xml": `<testsuite name="b1"`, "joint.prom": `apply_fleet_node_outcome{node="n2",manifest="site/main.hcl",outcome="ok"} 1`,
		} {
			if text, err := os.ReadFile(filepath.Join(s.dir, file)); err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s: want %s in it, got %v and %.400s", file, want, err, text)
			}
		}
	})
	t.Run("what a manifest no longer declares is an orphan on every node", func(t *testing.T) {
		s.write("site/main.hcl", together)
		s.want(s.run("fleet", "converge", "-w", "n[1-2],b1", "--report", "joint.json", "site/main.hcl"), 0, "", "3 of 3 ok")
		for _, n := range s.joint("joint.json").Nodes {
			if len(n.Summary.Orphans) != 1 || n.Summary.Orphans[0].Address != `file["/srv/old"]` {
				t.Errorf("%s: %+v", n.Node, n.Summary.Orphans)
			}
		}
	})
	t.Run("a plan sees what the last run has exported", func(t *testing.T) {
		plan := []string{"fleet", "converge", "-w", "n[1-2],b1", "--plan", "--detailed-exitcode", "site/main.hcl"}
		s.want(s.run(plan...), 0, "3 nodes: 0 changed, 0 refreshed, 0 pending", "3 of 3 ok")
		s.want(s.run(append(plan, "--batch", "1")...), 1, "", "in batches")
	})
	t.Run("a circle is found before anything is touched", func(t *testing.T) {
		s.write("circle/main.hcl", `
variable "needs" {
  default = { n1 = "n2", n2 = "n1" }
}
wait "other" {
  fact  = "x"
  nodes = [var.needs[fact.hostname]]
}
file "/srv/circle" {
  content = ""
}
fact "x" {
  value   = true
  require = [wait.other]
}
`)
		s.want(s.run("fleet", "converge", "-w", "n[1-2]", "circle"), 1, "", "nodes wait for each other: n1 wait.other needs x of n2 -> n2 wait.other needs x of n1 -> n1 wait.other")
		s.absent("n1", "circle")
		if left := s.sh("find", filepath.Join(s.dir, "root-n1", "root/.cache/apply"), "-name", "stage"); left != "" {
			t.Errorf("left behind: %s", left)
		}
	})
	t.Run("nobody exports it", func(t *testing.T) {
		s.write("none/main.hcl", "file \"/srv/none\" {\n  content = \"\"\n}\nwait \"w\" {\n  fact = \"y\"\n  group = \"storage\"\n}\n")
		s.want(s.run("fleet", "converge", "-w", "n[1-2]", "none"), 1, "", "wait.w: y: 0 of 2 nodes; n1: its run does not export it")
		s.absent("n1", "none")
	})
	t.Run("batches hold each other back", func(t *testing.T) {
		s.want(s.run("fleet", "converge", "-w", "n[1-2]", "--batch", "1", "site/main.hcl"), 1, "", "larger --batch")
	})
	t.Run("a node that takes another's name speaks for nobody", func(t *testing.T) {
		s.write("liar.hcl", strings.Replace(s.storage(), "node \"n1\" {", "node \"n1\" {\n  facts = { hostname = \"n2\" }", 1))
		s.want(s.run("fleet", "converge", "--inventory", "liar.hcl", "-w", "n[1-2]", "site/main.hcl"), 4, "", "go by the name n2 (fact.hostname)")
	})
	t.Run("it does not compile on one node", func(t *testing.T) {
		s.write("one/main.hcl", strings.ReplaceAll(together, "/srv/", "/srv/one-")+"locals {\n  broken = fact.hostname == \"n2\" ? file(\"missing\") : \"\"\n}\nfile \"/srv/broken\" {\n  content = local.broken\n}\n")
		r := s.run("fleet", "converge", "-w", "n[1-2],b1", "--report", "joint.json", "one")
		s.want(r, 4, "", "n2: failed: main.hcl:")
		if r.took > 50*time.Second { // it would for 60
			t.Errorf("who waits for a node that failed before waits on: %v", r.took)
		}
		s.content("n1", "one-started", "yes")
		s.absent("n2", "one-started")
		if e := s.joint("joint.json").Nodes[0].Error; !strings.Contains(e, "wait.all") || !strings.Contains(e, "n2: ") || !strings.Contains(e, "missing") {
			t.Errorf("the waiter does not say for whom and why: %q", e)
		}
	})
}

func TestConvergeFromGit(t *testing.T) {
	s := newSite(t, "n1", "n2")
	s.write("fleet.hcl", s.inventory())
	s.write("repo/web/main.hcl", "file \"/srv/out\" {\n  content = file(\"text\")\n}\n")
	s.write("repo/web/text", "tagged")
	git := func(args ...string) string {
		return s.sh(append([]string{"git", "-C", s.dir + "/repo", "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "first")
	git("tag", "v1")
	commit := strings.TrimSpace(git("rev-parse", "HEAD"))
	s.write("repo/web/text", "changed")
	s.want(s.run("fleet", "converge", "-w", "n[1-2]", "--git", s.dir+"/repo", "--ref", "v1", "--report", "joint.json", "--var", "unused=1", "web"), 1, "", "unused")
	s.want(s.run("fleet", "converge", "-w", "n[1-2]", "--git", s.dir+"/repo", "--ref", "v1", "--report", "joint.json", "web"), 0, "2 changed", "2 of 2 ok")
	s.content("n1", "out", "tagged")
	if got := s.joint("joint.json").Commit; got != commit {
		t.Errorf("want commit %s, got %q", commit, got)
	}
	s.want(s.run("fleet", "exec", "-w", "n1", "--", "/root/.cache/apply/bin/apply-* history --json"), 0, commit, "")
}

func TestConvergeInterrupted(t *testing.T) {
	s := newSite(t, "n1", "n2")
	s.write("fleet.hcl", s.inventory())
	s.write("site/main.hcl", `
file "/srv/first" {
  content = ""
}
exec "slow" {
  command = ["sh", "-c", "echo $$ > /srv/begun; [ $(hostname) = n1 ] || sleep 4"]
  unless  = "false"
  timeout = "90s"
  require = [file["/srv/first"]]
}
`)
	cmd := s.command("fleet", "converge", "-w", "n[1-2]", "--batch", "1", "--report", "joint.json", "site")
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	must(t, cmd.Start())
	for deadline := time.Now().Add(30 * time.Second); ; s.pause() {
		if _, err := os.Stat(s.srv("n2") + "/begun"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("n2 does not begin: %s%s", &out, &messages)
		}
	}
	must(t, cmd.Process.Signal(syscall.SIGINT))
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("want exit code 130, got %d: %s%s", code, &out, &messages)
	}
	for _, want := range []string{"apply: interrupted: nodes let finish what runs, for a minute at most; ", "\n1 of 2 ok: n1; 1 interrupted: n2\n"} {
		if !strings.Contains(messages.String(), want) {
			t.Errorf("want %q, got %s", want, &messages)
		}
	}
	got := s.joint("joint.json")
	if got.Nodes[0].Outcome != "ok" || len(got.Nodes[0].Results) != 2 || got.Nodes[1].Outcome != "interrupted" || len(got.Nodes[1].Results) == 0 {
		t.Errorf("the results until then are not kept: %+v", got.Nodes)
	}
}
