package fleet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// whole tells that the long variants are asked for: 128 nodes, of which 64 are behind one gateway.
func whole() bool { return os.Getenv("APPLY_FLEET") == "whole" }

// sites are the names of nodes n, and of those behind each gateway.
func sites(near, b, c, d int) (names []string, set string) {
	for _, site := range []struct {
		prefix, gateway string
		count           int
	}{{"n", "", near}, {"b", "gw", b}, {"c", "gx", c}, {"d", "gy", d}} {
		for i := range site.count {
			names = append(names, fmt.Sprint(site.prefix, i+1))
		}
		if site.gateway != "" {
			names = append(names, site.gateway)
		}
		set += fmt.Sprintf(",%s[1-%d]", site.prefix, site.count)
	}
	return names, set[1:]
}

// TestSites: nodes in four networks, three of them behind gateways with sshd's own MaxStartups, or a smaller one: none is lost, by one connection a gateway.
func TestSites(t *testing.T) {
	near, b, c, d := 2, 6, 2, 2
	if whole() {
		near, b, c, d = 32, 64, 16, 16
	}
	names, set := sites(near, b, c, d)
	count := near + b + c + d
	s := newSite(t)
	for _, name := range names {
		config := ""
		if _, ok := gateways[name]; ok {
			config = "MaxStartups 2:100:2\nMaxSessions 1"
			if whole() {
				config = "MaxStartups 10:30:100" // sshd's own
			}
		}
		s.start(name, config)
	}
	for _, name := range names {
		s.await(name)
	}
	all := fmt.Sprintf("%d of %d ok", count, count)
	t.Run("exec", func(t *testing.T) {
		r := s.run("fleet", "exec", "-w", set, "--connect-timeout", "120s", "--", "hostname")
		s.want(r, 0, "", all)
		if got := strings.Count(r.stdout, "\n"); got != count {
			t.Errorf("want %d lines, got %d", count, got)
		}
	})
	t.Run("put", func(t *testing.T) {
		file := filepath.Join(s.dir, "file")
		s.sh("sh", "-c", `head -c 20000000 /dev/urandom >"$1" && chmod 640 "$1"`, "file", file)
		for _, what := range []string{"first", "again"} { // first with the program
			r := s.run("fleet", "put", "-w", set, "--connect-timeout", "120s", file, "/srv/f")
			s.want(r, 0, "", all)
			t.Logf("20 MB to %d nodes, %s: %v", count, what, r.took.Round(time.Millisecond))
			if strings.Contains(r.stderr, "another source") || strings.Contains(r.stderr, "own tools") {
				t.Errorf("something was made up for:\n%s", clip(r.stderr))
			}
			for _, n := range names {
				if _, ok := gateways[n]; !ok {
					s.sh("cmp", file, s.srv(n)+"/f")
					must(t, os.Remove(s.srv(n)+"/f"))
				}
			}
		}
	})
	t.Run("converge", func(t *testing.T) {
		s.write("storage.hcl", s.storage())
		s.write("m/main.hcl", together)
		for _, code := range []int{2, 0} { // once they are in step nothing changes, however long all of them take to see that
			r := s.run("fleet", "converge", "--inventory", "storage.hcl", "-w", set, "--connect-timeout", "120s", "--detailed-exitcode", "m")
			s.want(r, code, "", all)
		}
	})
	t.Run("dead, slow and strange nodes", func(t *testing.T) {
		s.silent("10.9.0.101")
		s.kill(names[near+1]) // b2, behind the gateway
		must(t, os.WriteFile(filepath.Join(s.dir, "file"), []byte("x"), 0o600))
		patience := "10s" // all of it is waited
		if whole() {
			patience = "20s"
		}
		r := s.run("fleet", "put", "-w", set+",n101,n102", "--connect-timeout", patience, filepath.Join(s.dir, "file"), "/srv/f")
		s.want(r, 4, "", fmt.Sprintf("%d of %d ok", count-1, count+2))
		s.want(r, 4, "", "3 unreachable: b2,n[101-102]")
	})
}

// TestKilled: a put is killed, at the seat or on a node: what was there is there, whole, nothing is left over, and the next put heals.
func TestKilled(t *testing.T) {
	s := newSite(t, "n1", "n2", "n3")
	s.want(s.run("fleet", "put", "-w", "n[1-3]", filepath.Join(s.dir, "fleet.hcl"), "/srv/warm"), 0, "", "3 of 3 ok") // the program is there
	file := filepath.Join(s.dir, "file")
	s.sh("sh", "-c", `head -c 150000000 /dev/zero | tr '\0' x >"$1"`, "file", file)
	put := []string{"fleet", "put", "-w", "n[1-3]", file, "/srv/f"}
	nodes := []string{"n1", "n2", "n3"}
	old := func(t *testing.T, nodes ...string) {
		for _, n := range nodes {
			if got, err := os.ReadFile(s.srv(n) + "/f"); err != nil || string(got) != "old\n" {
				t.Errorf("%s: what was there is not there any more: %d bytes, %v", n, len(got), err)
			}
		}
	}
	for _, tt := range []struct {
		name string
		kill func(seat int)
		lost []string // nodes that keep what they had
	}{
		{"the seat", func(seat int) { must(t, syscall.Kill(seat, syscall.SIGKILL)) }, nodes},
		{"a relay", func(int) { s.signalRelay("n1", syscall.SIGKILL) }, nodes[:1]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, n := range nodes {
				s.write("root-"+n+"/srv/f", "old\n")
			}
			cmd := s.command(put...)
			var messages strings.Builder
			cmd.Stderr = &messages
			must(t, cmd.Start())
			s.awaitSpool("n1", 1<<20)
			tt.kill(cmd.Process.Pid)
			cmd.Wait()
			s.awaitNoRelay(nodes...)
			old(t, tt.lost...)
			for _, n := range nodes {
				if !slices.Contains(tt.lost, n) {
					s.sh("cmp", file, s.srv(n)+"/f")
				}
				if left := s.sh("find", s.srv(n), "-name", ".apply*"); left != "" {
					t.Errorf("%s: left over: %s", n, left)
				}
			}
			s.want(s.run(put...), 0, "", "3 of 3 ok")
			for _, n := range nodes {
				s.sh("cmp", file, s.srv(n)+"/f")
			}
		})
	}
	if !whole() {
		return // the wait for a relay that is stopped takes half a minute
	}
	t.Run("a relay that stands still", func(t *testing.T) {
		for range 8 {
			cmd := s.command("fleet", "put", "-w", "n[1-3]", "--timeout", "30s", file, "/srv/f")
			var messages strings.Builder
			cmd.Stderr = &messages
			must(t, cmd.Start())
			s.awaitSpool("n3", 1<<20)
			s.signalRelay("n1", syscall.SIGSTOP)
			s.signalRelay("n2", syscall.SIGSTOP)
			cmd.Wait()
			s.signalRelay("n1", syscall.SIGCONT)
			s.signalRelay("n2", syscall.SIGCONT)
			if code := cmd.ProcessState.ExitCode(); code != 0 && code != 4 {
				t.Errorf("exit code %d: %s", code, &messages)
			}
			s.sh("cmp", file, s.srv("n3")+"/f") // which did not stand still
			if strings.Contains(messages.String(), "delayed data") || strings.Contains(messages.String(), "does not answer") {
				return
			}
			s.awaitNoRelay(nodes...) // who joins last has one of the others as its parent: this time that one was done, or the third was not the last
		}
		t.Error("nobody who stands still was named and left")
	})
}

// relays are the processes of relays on a node.
func (s *site) relays(node string) (pids []int) {
	s.t.Helper()
	network, err := os.Stat("/run/netns/" + node)
	must(s.t, err)
	processes, err := filepath.Glob("/proc/[0-9]*")
	must(s.t, err)
	for _, p := range processes {
		its, err := os.Stat(p + "/ns/net")
		line, readErr := os.ReadFile(p + "/cmdline")
		if err == nil && readErr == nil && os.SameFile(its, network) && strings.HasSuffix(string(line), "\x00relay\x00") && strings.Contains(string(line), "apply/bin/apply-") {
			var pid int
			_, err := fmt.Sscanf(p, "/proc/%d", &pid)
			must(s.t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

func (s *site) signalRelay(node string, sig syscall.Signal) {
	s.t.Helper()
	for _, pid := range s.relays(node) {
		must(s.t, syscall.Kill(pid, sig))
	}
}

// awaitNoRelay waits until the relays of nodes have ended.
func (s *site) awaitNoRelay(nodes ...string) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for slices.ContainsFunc(nodes, func(n string) bool { return len(s.relays(n)) > 0 }) {
		if time.Now().After(deadline) {
			s.t.Fatal("a relay outlives its session")
		}
		s.pause()
	}
}

// TestNeighbours: more nodes on one network than the kernel remembers are warned of.
func TestNeighbours(t *testing.T) {
	s := newSite(t)
	s.write("many", "m[0001-1030]\n")
	r := s.run("fleet", "exec", "-f", "many", "--connector", "true", "--", "true")
	s.want(r, 0, "", "1030 nodes are reached without a gateway, and the kernel's ARP table holds ")
	if r := s.run("fleet", "exec", "-f", "many", "-n", "10", "--connector", "true", "--", "true"); strings.Contains(r.stderr, "ARP") {
		t.Errorf("ten nodes are too many: %s", r.stderr)
	}
}

// TestMaxStartups: a node that drops connections while others log in is tried again, until its own time is over.
func TestMaxStartups(t *testing.T) {
	s := newSite(t)
	s.start("n1", "MaxStartups 2:100:2")
	s.await("n1")
	var inventory strings.Builder
	for i := range 24 {
		fmt.Fprintf(&inventory, "node \"x%d\" {\n  address = \"10.9.0.1\"\n}\n", i+1)
	}
	s.write("one.hcl", inventory.String())
	r := s.run("fleet", "exec", "--inventory", "one.hcl", "--connect-timeout", "60s", "--", "true")
	s.want(r, 0, "", "24 of 24 ok")
	t.Logf("24 at a time: %v", r.took.Round(time.Millisecond))
	r = s.run("fleet", "exec", "--inventory", "one.hcl", "--connect-timeout", "100ms", "--", "true")
	s.want(r, 4, "", "the server closes connections before it speaks")
}
