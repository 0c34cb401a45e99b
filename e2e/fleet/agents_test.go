package fleet_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// agentConfig makes a node find the program in the folder that agents prepares.
func (s *site) agentConfig() string {
	return "MaxStartups 100\nSetEnv PATH=" + filepath.Join(s.dir, "bin") + ":/usr/sbin:/usr/bin:/sbin:/bin"
}

// agents enrolls an agent on each of the nodes and starts it. All nodes have one /etc: each agent has a folder of its own.
func (s *site) agents(set string, names []string) {
	s.t.Helper()
	s.write("bin/apply", fmt.Sprintf(`#!/bin/sh
case "$1 $2" in
"agent serve") set -- "$@" --dir /var/lib/apply-agent --audit "/run/agent-$(hostname).log" ;;
"agent join" | "agent dismiss") set -- "$@" --dir /var/lib/apply-agent ;;
esac
exec %s "$@"
`, s.apply))
	s.sh("chmod", "755", filepath.Join(s.dir, "bin/apply"))
	s.want(s.run("fleet", "enroll", "-w", set, "--connect-timeout", "60s"), 0, "", "ok")
	s.want(s.run("fleet", "exec", "-w", set, "--connect-timeout", "60s", "--", "setsid apply agent serve >/dev/null 2>&1 </dev/null &"), 0, "", "ok")
	for _, name := range names {
		s.awaitAgent(name)
	}
}

// awaitAgent waits until a node's agent listens.
func (s *site) awaitAgent(name string) {
	s.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); s.pause() {
		out, err := exec.Command("ip", "netns", "exec", name, "ss", "-Hltn", "sport", "=", ":7655").Output()
		if err == nil && len(bytes.TrimSpace(out)) > 0 {
			return
		}
	}
	s.t.Fatalf("node %s: no agent listens", name)
}

// TestAgents: commands by agents alone, and what is revoked while they run.
func TestAgents(t *testing.T) {
	names := []string{"n1", "n2", "n3"}
	s := newSite(t)
	for _, n := range names {
		s.start(n, s.agentConfig())
	}
	for _, n := range names {
		s.await(n)
	}
	s.agents("n[1-3]", names)
	byAgent := func(set string) result { return s.run("fleet", "exec", "-w", set, "--agent", "--", "hostname") }
	s.want(byAgent("n[1-3]"), 0, "n2: n2\n", "3 of 3 ok: n[1-3]")
	t.Run("a node's certificate", func(t *testing.T) {
		s.want(s.run("fleet", "revoke", "-w", "n2"), 0, "", "n2: revoked")
		s.want(byAgent("n[1-3]"), 4, "n1: n1\n", "n2: unreachable: agent: n2: certificate is revoked")
		s.want(s.run("fleet", "enroll", "-w", "n2"), 0, "", "1 of 1 ok")
		s.want(byAgent("n2"), 0, "n2: n2\n", "1 of 1 ok")
	})
	t.Run("an operator", func(t *testing.T) {
		s.want(s.run("fleet", "revoke", "-w", "n3", "--operator", filepath.Join(s.dir, "user_key.pub")), 0, "", "1 of 1 ok")
		s.want(byAgent("n[1-3]"), 4, "n1: n1\n", "n3: unreachable: agent: no key was accepted")
	})
}
