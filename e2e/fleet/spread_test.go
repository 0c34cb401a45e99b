package fleet_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sent is how many bytes the seat has sent over its bridge.
func (s *site) sent() int64 {
	s.t.Helper()
	text, err := os.ReadFile("/proc/net/dev")
	must(s.t, err)
	_, line, _ := strings.Cut(string(text), "br0:")
	fields := strings.Fields(line)
	n, err := strconv.ParseInt(fields[8], 10, 64)
	must(s.t, err)
	return n
}

// fromSeat runs a put or a converge and tells to how many nodes the program went from the seat, and the content. What is on the wire is just that: fewer than
// all nodes, as others got it from their like, and each time once.
func (s *site) fromSeat(size int64, args ...string) (r result, program, content int) {
	s.t.Helper()
	before := s.sent()
	r = s.run(append(args, "--log-level", "debug")...)
	sent, nodes := s.sent()-before, 0
	_, told, _ := strings.Cut(r.stderr, `msg="what left the seat" `)
	if _, err := fmt.Sscanf(told, "nodes=%d program=%d content=%d", &nodes, &program, &content); err != nil {
		s.t.Fatalf("it does not tell what left the seat: %v\n%s", err, clip(r.stderr))
	}
	want := int64(program)*s.packed() + int64(content)*size
	s.t.Logf("%d nodes: the program left the seat %d times, the content %d times, %d bytes for %d in %v", nodes, program, content, sent, want, r.took.Round(time.Millisecond))
	// A part of a content may be all that is left to get; ssh, joining and what nodes are told is beside it.
	if most := want + want/10 + int64(nodes)*(256<<10); sent > most {
		s.t.Errorf("%d bytes left the seat, want at most %d", sent, most)
	}
	return r, program, content
}

// packed is about how many bytes the program has on its way to a node.
func (s *site) packed() int64 {
	s.t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(s.sh("sh", "-c", `gzip -1c "$1" | wc -c`, "packed", s.apply)), 10, 64)
	must(s.t, err)
	return n
}

// TestSpread: the program leaves the seat twice, however many nodes need it, whatever happens to the nodes that pass it on.
func TestSpread(t *testing.T) {
	count := 4
	if whole() {
		count = 32
	}
	var names []string
	for i := range count {
		names = append(names, fmt.Sprint("n", i+1))
	}
	s := newSite(t, names...)
	small := filepath.Join(s.dir, "fleet.hcl")
	size, err := os.Stat(small)
	must(t, err)
	program := func(t *testing.T, nodes ...string) { // each has it whole, once, and nothing else
		t.Helper()
		for _, n := range nodes {
			s.sh("sh", "-ec", `cd "$1/root/.cache/apply/bin"; [ "$(ls -A | wc -l)" = 1 ]; cmp "$2" apply-*`, "program", filepath.Join(s.dir, "root-"+n), s.apply)
		}
	}
	fresh := func() { // no node has it
		for _, n := range names {
			s.sh("rm", "-rf", filepath.Join(s.dir, "root-"+n, "root/.cache"))
		}
	}
	put := func(set string) []string { return []string{"fleet", "put", "-w", set, small, "/srv/f"} }
	all := fmt.Sprintf("n[1-%d]", count)

	t.Run("through the nodes", func(t *testing.T) {
		r, from, _ := s.fromSeat(size.Size(), put(all)...)
		s.want(r, 0, "", fmt.Sprintf("%d of %d ok", count, count))
		if strings.Contains(r.stderr, "comes from the seat") {
			t.Errorf("something was made up for: %s", clip(r.stderr))
		}
		program(t, names...)
		if from < 2 || from >= count { // two, and who comes when the others are done
			t.Errorf("the program left the seat %d times for %d nodes", from, count)
		}
	})
	t.Run("once", func(t *testing.T) {
		r, from, _ := s.fromSeat(size.Size(), put(all)...)
		s.want(r, 0, "", "ok")
		if from != 0 {
			t.Errorf("the program left the seat %d times for nodes that have it", from)
		}
	})
	t.Run("a neighbour that is not reached", func(t *testing.T) {
		fresh()
		for _, n := range []string{"n1", "n2", "n3"} { // of which one at least gets it from another one
			for _, other := range []string{"10.9.0.1", "10.9.0.2", "10.9.0.3"} {
				if _, its := place(n); its != other {
					s.sh("ip", "-n", n, "route", "add", "blackhole", other+"/32")
				}
			}
		}
		r := s.run(put("n[1-3]")...)
		s.want(r, 0, "", "does not answer; it comes from the seat")
		s.want(r, 0, "", "3 of 3 ok")
		program(t, "n1", "n2", "n3")
		s.script(`for n in n1 n2 n3; do ip -n $n route flush type blackhole; done`)
	})
	t.Run("a full node", func(t *testing.T) {
		fresh()
		s.want(s.run("fleet", "exec", "-w", "n2", "--", "mkdir /root/.cache && mount -t tmpfs -o size=1m tmpfs /root/.cache"), 0, "", "")
		r := s.run(put("n[1-2]")...)
		s.want(r, 0, "", "2 of 2 ok")
		s.want(r, 0, "", "No space left on device; its own tools are used")
		s.sh("cmp", small, s.srv("n2")+"/f")
		program(t, "n1")
		s.want(s.run("fleet", "exec", "-w", "n2", "--", "ls -A /root/.cache/apply/bin; umount /root/.cache"), 0, "", "1 of 1 ok") // nothing is left
	})
	t.Run("altered by a neighbour", func(t *testing.T) { s.altered(t, fresh, program) })
	t.Run("a neighbour that dies", func(t *testing.T) {
		fresh()
		for _, n := range names[:3] {
			s.sh("tc", "-n", n, "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", "40mbit", "burst", "64kb", "latency", "100ms")
		}
		cmd := s.command(put("n[1-3]")...)
		var messages strings.Builder
		cmd.Stderr = &messages
		must(t, cmd.Start())
		died := s.awaitSharing(names[:3])
		s.kill(died)
		cmd.Wait()
		others := slices.DeleteFunc(slices.Clone(names[:3]), func(n string) bool { return n == died })
		program(t, others...)
		for _, n := range others {
			s.sh("cmp", small, s.srv(n)+"/f")
		}
		// What was asked of the node itself may have been done before it died.
		if got := messages.String(); !strings.Contains(got, "2 of 3 ok") && !strings.Contains(got, "3 of 3 ok") || !strings.Contains(got, "the program from "+died+": cut off, or too slow; it comes from the seat") {
			t.Errorf("%s died: %s", died, clip(got))
		}
	})
}

// altered tries a node that alters the program after it has verified it, and before it passes it on.
func (s *site) altered(t *testing.T, fresh func(), program func(*testing.T, ...string)) {
	fresh()
	for _, n := range []string{"n1", "n2", "n3"} {
		s.write("root-"+n+"/srv/evil/gzip", "#!/bin/sh\n/usr/bin/gzip \"$@\" || exit\nfor f in /root/.cache/apply/bin/.apply.*.gz; do printf wrong | dd of=$f conv=notrunc bs=1 seek=100000 2>/dev/null; done\n")
		s.sh("chmod", "755", s.srv(n)+"/evil/gzip")
		s.kill(n)
		s.awaitDead(n)
		s.write(n+".conf", fmt.Sprintf(sshdConfig, s.dir, "SetEnv PATH=/srv/evil:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
		s.boot(s.nodes[n])
		s.await(n)
	}
	r := s.run("fleet", "put", "-w", "n[1-3]", filepath.Join(s.dir, "fleet.hcl"), "/srv/f")
	s.want(r, 0, "", "altered: not what the seat announced; it comes from the seat")
	s.want(r, 0, "", "3 of 3 ok")
	program(t, "n1", "n2", "n3")
	for _, n := range []string{"n1", "n2", "n3"} {
		s.sh("rm", "-r", s.srv(n)+"/evil")
	}
}

// awaitSharing waits until another node gets the program from one of these, and says from which.
func (s *site) awaitSharing(nodes []string) string {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); s.pause() {
		for _, n := range nodes {
			out, err := exec.Command("ip", "netns", "exec", n, "ss", "-Htn", "state", "established", "sport", "!=", ":22").Output()
			if err == nil && len(bytes.TrimSpace(out)) > 0 && len(s.relays(n)) > 0 { // who gets it has no relay yet
				return n
			}
		}
	}
	s.t.Fatal("nobody gets the program from another one")
	return ""
}

// awaitDead waits until nobody listens on a node that was killed.
func (s *site) awaitDead(node string) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); s.pause() {
		if out, err := exec.Command("ip", "netns", "exec", node, "ss", "-Hltn", "sport", "=", ":22").Output(); err == nil && len(bytes.TrimSpace(out)) == 0 {
			return
		}
	}
	s.t.Fatalf("node %s: sshd outlives its node", node)
}
