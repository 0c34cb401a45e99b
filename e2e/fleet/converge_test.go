package fleet_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const manifest = `
variable "word" {
  default = "default"
}
file "/srv/out" {
  content = "${var.word} ${fact.colour} ${file("text")}"
  mode    = "0640"
}
exec "picky" {
  command = ["sh", "-c", "[ $(hostname) != n2 ] || exit 3"]
  unless  = "[ -e /srv/well ]"
}
`

func TestConverge(t *testing.T) {
	s := newSite(t, "n1", "n2", "n3", "gw", "b1")
	s.write("site/main.hcl", manifest)
	s.write("site/text", "shipped")
	s.write("fleet.hcl", strings.ReplaceAll(s.inventory(), "address =", "facts = { colour = \"red\" }\n  address ="))
	common := []string{"fleet", "converge", "--var", "word=it's", "site/main.hcl"}
	t.Run("plan", func(t *testing.T) {
		s.want(s.run(append(common, "-w", "n[1,3]", "--plan", "--detailed-exitcode")...), 2, "2 nodes: 0 changed, 0 refreshed, 4 pending", "2 of 2 ok: n[1,3]")
		s.want(s.run(append(common, "-w", "n[1,3]", "--plan", "--wait-lock", "60")...), 0, ": would change (main.hcl:", "2 of 2 ok: n[1,3]")
		if _, err := os.Stat(s.srv("n1") + "/out"); err == nil {
			t.Error("a plan has written")
		}
	})
	t.Run("converge", func(t *testing.T) {
		r := s.run(append(common, "-w", "n[1-3],b1,n102", "--report", "joint.json", "--connect-timeout", "5s", "--wait-lock", "60", "--detailed-exitcode")...)
		s.want(r, 6, "n2: main.hcl:9: exec.picky: exit code 3\n", "3 of 5 ok: b1,n[1,3]; 1 failed: n2; 1 unreachable: n102")
		for _, n := range []string{"n1", "n2", "n3", "b1"} {
			got, err := os.ReadFile(s.srv(n) + "/out")
			must(t, err)
			if string(got) != "it's red shipped" {
				t.Errorf("%s: %q", n, got)
			}
			if left := s.sh("find", filepath.Join(s.dir, "root-"+n, "root/.cache/apply"), "-name", "run.*"); left != "" {
				t.Errorf("%s: left behind: %s", n, left)
			}
		}
		var joint struct {
			Nodes []struct {
				Node, Outcome, Error string
				Results              []struct{ Address, Outcome string }
			}
		}
		text, err := os.ReadFile(filepath.Join(s.dir, "joint.json"))
		must(t, err)
		must(t, json.Unmarshal(text, &joint))
		if len(joint.Nodes) != 5 || joint.Nodes[1].Error != "main.hcl:9: exec.picky: exit code 3" || len(joint.Nodes[1].Results) != 2 || joint.Nodes[4].Outcome != "unreachable" {
			t.Errorf("the joint report is wrong: %+v", joint.Nodes)
		}
	})
	t.Run("again", func(t *testing.T) {
		for _, n := range []string{"n1", "n2", "n3"} {
			s.write("root-"+n+"/srv/well", "")
		}
		r := s.run(append(common, "-w", "n[1-3]", "--json", "--detailed-exitcode")...)
		s.want(r, 0, `"event":"summary"`, "")
		s.want(r, 0, `"node":"n2"`, "")
		for line := range strings.Lines(r.stdout) {
			if !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
	})
	t.Run("mistakes", func(t *testing.T) {
		s.write("bad/main.hcl", "file \"/srv/x\" {\n  contnt = \"\"\n}\n")
		s.want(s.run("fleet", "converge", "-w", "n[1-2]", "bad"), 1, "", "n[1-2]: failed: main.hcl:2: ")
	})
	t.Run("batches", func(t *testing.T) {
		s.write("fails/main.hcl", "exec \"x\" {\n  command = [\"false\"]\n}\n")
		r := s.run("fleet", "converge", "-w", "n[1-3]", "--batch", "1", "--max-failures", "1", "fails")
		s.want(r, 4, "", "0 of 3 ok; 1 failed: n1; 2 skipped: n[2-3]")
	})
	t.Run("one machine by two names", func(t *testing.T) {
		for range 2 { // nothing of the first time is in the way
			r := s.run("fleet", "converge", "-w", "n[2-3],10.9.0.3", "fails")
			s.want(r, 4, "", "0 of 3 ok; 3 failed: 10.9.0.3,n[2-3]")
			if !strings.Contains(r.stderr, "n3, 10.9.0.3 are the same machine") && !strings.Contains(r.stderr, "10.9.0.3, n3 are the same machine") {
				t.Errorf("not told: %s", r.stderr)
			}
		}
		if left := s.sh("find", filepath.Join(s.dir, "root-n3", "root/.cache/apply/fleet"), "-name", "seat.*", "-o", "-name", "stage"); left != "" {
			t.Errorf("left over: %s", left)
		}
	})
	t.Run("a home that nodes share", func(t *testing.T) {
		s.kill("n3")
		s.awaitDead("n3")
		s.script("cd " + s.dir + " && mv root-n3/root root-n3/own && ln -s ../root-n2/root root-n3/root")
		s.boot(s.nodes["n3"])
		s.await("n3")
		s.write("shared/main.hcl", "file \"/srv/shared\" {\n  content = \"${fact.hostname}\"\n}\n")
		s.want(s.run("fleet", "converge", "-w", "n[2-3]", "shared"), 0, "2 nodes: 2 changed", "2 of 2 ok: n[2-3]")
		for _, n := range []string{"n2", "n3"} {
			s.content(n, "shared", n)
		}
	})
	t.Run("nodes", func(t *testing.T) {
		s.want(s.run("fleet", "nodes", "-w", "n1"), 0, " failed fails", "")
	})
	t.Run("locked", func(t *testing.T) {
		hold := `exec 9>>/var/lib/apply/lock && flock 9 && touch /srv/held && exec sleep 300`
		s.want(s.run("fleet", "exec", "-w", "n[1-2]", "--detach", "--", hold), 0, "", "")
		s.want(s.run("fleet", "exec", "-w", "n[1-2]", "--timeout", "30s", "--", "until test -e /srv/held; do sleep 0.1; done"), 0, "", "2 of 2 ok")
		s.want(s.run("fleet", "converge", "-w", "n[1-2]", "shared"), 3, "", "n[1-2]: failed: apply: another run holds the lock")
		s.want(s.run("fleet", "converge", "-w", "n[1-3]", "shared"), 4, "", "1 of 3 ok: n3; 2 failed: n[1-2]")
	})
}

// TestConvergeLarge: a manifest with much beside it leaves the seat twice, as the program does, and nothing is left of it.
func TestConvergeLarge(t *testing.T) {
	names := []string{"n1", "n2", "n3", "n4", "n5", "n6"}
	s := newSite(t, names...)
	s.write("site/main.hcl", "file \"/srv/out\" {\n  source = \"${path.module}/big\"\n}\n")
	s.sh("sh", "-c", `head -c 20000000 /dev/urandom >"$1"`, "big", filepath.Join(s.dir, "site/big"))
	s.want(s.run("fleet", "put", "-w", "n[1-6]", filepath.Join(s.dir, "fleet.hcl"), "/srv/warm"), 0, "", "6 of 6 ok") // the program is there
	r, _, from := s.fromSeat(20_000_000, "fleet", "converge", "-w", "n[1-6]", "site")
	s.want(r, 0, "6 nodes: 6 changed", "6 of 6 ok")
	// Two of them, who comes when the others are done, and who leaves a node that is slow, on a machine at work.
	if left := strings.Count(r.stderr, "another source is used"); from < 2 || from >= len(names)+left {
		t.Errorf("the manifest left the seat %d times for %d nodes, %d of which left another", from, len(names), left)
	}
	for _, n := range names {
		s.sh("cmp", filepath.Join(s.dir, "site/big"), s.srv(n)+"/out")
		if left := s.sh("find", filepath.Join(s.dir, "root-"+n, "root/.cache/apply/fleet"), "-size", "+100k"); left != "" {
			t.Errorf("%s: left over: %s", n, left)
		}
	}
}
