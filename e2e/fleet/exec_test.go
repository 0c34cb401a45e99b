// Package fleet_test tries the fleet's commands against sshd processes, each in network, mount and process namespaces of its own.
package fleet_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var eight = []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"}

func sortedLines(s string) []string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	slices.Sort(lines)
	return lines
}

func (s *site) want(r result, code int, stdout, stderr string) {
	s.t.Helper()
	if r.code != code || !strings.Contains(r.stdout, stdout) || !strings.Contains(r.stderr, stderr) {
		s.t.Errorf("want exit code %d, %q and on standard error %q; got %d after %v\n%s\n%s", code, stdout, stderr, r.code, r.took, clip(r.stdout), clip(r.stderr))
	}
}

func clip(s string) string { return s[:min(len(s), 3000)] }

func TestExec(t *testing.T) {
	s := newSite(t, append(slices.Clone(eight), "gw", "b1", "b2")...)
	t.Run("prefixed", func(t *testing.T) {
		r := s.run("fleet", "exec", "-w", "n[1-8],!n7", "--", "hostname")
		var want []string
		for _, n := range eight {
			if n != "n7" {
				want = append(want, n+": "+n)
			}
		}
		if diff := cmp.Diff(want, sortedLines(r.stdout)); diff != "" {
			t.Error(diff)
		}
		s.want(r, 0, "", "7 of 7 ok: n[1-6,8]")
	})
	t.Run("streams apart", func(t *testing.T) {
		r := s.run("fleet", "exec", "-w", "n1", "--", "echo out; echo err >&2; exit 3")
		s.want(r, 3, "n1: out\n", "n1: err\n")
		s.want(r, 3, "", "n1: failed: exit code 3\n0 of 1 ok; 1 failed: n1")
		if strings.Contains(r.stdout, "err") {
			t.Errorf("standard error came on standard output: %s", r.stdout)
		}
	})
	t.Run("words stay words", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "-w", "n1", "--", "printf", "%s|", "a b", "$HOME", "it's"), 0, "n1: a b|$HOME|it's|\n", "")
		s.want(s.run("fleet", "exec", "-w", "n1", "--", "sh", "-c", "exit 9"), 9, "", "exit code 9")
	})
	t.Run("the worst", func(t *testing.T) {
		r := s.run("fleet", "exec", "-w", "n[1-3]", "--", `case $(hostname) in n1) exit 1;; n2) exit 77;; esac`)
		s.want(r, 77, "", "1 of 3 ok: n3; 2 failed: n[1-2]")
	})
	t.Run("signal", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "-w", "n1", "--", "kill -9 $$"), 137, "", "signal KILL")
	})
	t.Run("two signals", func(t *testing.T) { s.twoSignals(t) })
	t.Run("gathered", func(t *testing.T) {
		r := s.run("fleet", "exec", "-b", "-w", "n[1-4]", "--", `[ $(hostname) = n3 ] && echo other || echo same`)
		s.want(r, 0, "---------------\nn[1-2,4] (3)\n---------------\nsame\n---------------\nn3\n---------------\nother\n", "")
	})
	t.Run("gateway", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "--on", "far", "-w", "&b[1-2]", "-b", "--", "echo", "hi"), 0, "b[1-2] (2)", "2 of 2 ok")
		if r := s.run("fleet", "exec", "-w", "10.8.0.1", "--connect-timeout", "1s", "--", "true"); r.code != 4 {
			t.Errorf("the far nodes can be reached without the gateway: %+v", r)
		}
	})
	t.Run("input", func(t *testing.T) {
		cmd := s.command("fleet", "exec", "-w", "n[1-4]", "-b", "--stdin", "--", "[ $(hostname) = n3 ] || wc -c")
		cmd.Stdin = strings.NewReader(strings.Repeat("x", 3<<20))
		out, err := cmd.Output()
		if want := "n[1-2,4] (3)\n---------------\n3145728\n"; err != nil || !strings.Contains(string(out), want) {
			t.Errorf("want %q, got %q, %v", want, out, err)
		}
	})
	t.Run("JSON", func(t *testing.T) { s.checkJSON(t) })
	t.Run("environment", func(t *testing.T) {
		cmd := s.command("fleet", "exec", "-n", "2", "-x", "n1", "--", "hostname")
		cmd.Env = append(cmd.Env, "GEXEC_SVRS=n1 n2 n3 n4")
		out, err := cmd.Output()
		must(t, err)
		if diff := cmp.Diff([]string{"n2: n2", "n3: n3"}, sortedLines(string(out))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("detach", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "--detach", "-w", "n1", "--", "echo detached; exec sleep 300"), 0, "output in /root/.cache/apply/detached/", "")
		s.want(s.run("fleet", "exec", "-w", "n1", "--", "cat /root/.cache/apply/detached/*; pgrep -f '^sleep 300' >/dev/null && echo lives"), 0, "n1: detached\nn1: lives", "")
	})
	t.Run("connector", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "--connector", s.connector(), "-w", "n[1-2]", "--", "hostname; exit 5"), 5, "n2: n2\n", "exit code 5")
	})
	t.Run("exit codes", func(t *testing.T) {
		for _, code := range []int{1, 2, 4, 127, 128, 254, 255} {
			s.want(s.run("fleet", "exec", "-w", "n1", "--", fmt.Sprintf("exit %d", code)), code, "", "")
		}
	})
	t.Run("mistakes", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "--on", "nowhere", "--", "true"), 1, "", `group "nowhere": there is no such group`)
		s.want(s.run("fleet", "exec", "-w", "n[1-", "--", "true"), 1, "", "bad node set")
		s.want(s.run("fleet", "exec", "-w", "n1"), 1, "", "which command")
		s.want(s.run("fleet", "exec", "-w", "n1", "-x", "n1", "--", "true"), 1, "", "no nodes")
		s.want(s.run("fleet", "exec", "-w", "n1", "--min-ok", "most", "--", "true"), 1, "", "--min-ok")
	})
}

// twoSignals ends the seat while it waits for a command that does not heed SIGTERM: nothing of that is left on the node.
func (s *site) twoSignals(t *testing.T) {
	cmd := s.command("fleet", "exec", "-w", "n1", "--", `trap "echo stays" TERM; echo begins; while :; do setsid sleep 985; done`)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Scan() // it begins
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	lines.Scan() // it stays
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		default:
			_ = cmd.Process.Signal(syscall.SIGTERM) // one that comes too soon is the first one's
			s.pause()
		}
	}
	for deadline := time.Now().Add(20 * time.Second); s.sh("ip", "netns", "exec", "n1", "sh", "-c", "pgrep -f '^sleep 985' || :") != ""; s.pause() {
		if time.Now().After(deadline) {
			t.Fatal("the command lives on")
		}
	}
}

func (s *site) checkJSON(t *testing.T) {
	r := s.run("fleet", "exec", "--json", "-w", "n[1-2]", "--", `printf 'a\377b'; [ $(hostname) = n1 ] || { echo late >&2; exit 3; }`)
	var got []map[string]any
	for line := range strings.Lines(r.stdout) {
		var o map[string]any
		must(t, json.Unmarshal([]byte(line), &o))
		delete(o, "duration_ms")
		got = append(got, o)
	}
	slices.SortFunc(got, func(a, b map[string]any) int {
		return strings.Compare(fmt.Sprint(a["event"], a["node"]), fmt.Sprint(b["event"], b["node"]))
	})
	want := []map[string]any{
		{"event": "node", "node": "n1", "outcome": "ok", "code": 0.0, "stdout_base64": "Yf9i", "stderr": ""},
		{"event": "node", "node": "n2", "outcome": "failed", "code": 3.0, "stdout_base64": "Yf9i", "stderr": "late\n"},
		{"event": "summary", "outcome": "failed", "total": 2.0, "ok": 1.0, "failed": 1.0, "unreachable": 0.0, "timeout": 0.0, "interrupted": 0.0, "skipped": 0.0,
			"nodes": map[string]any{"ok": "n1", "failed": "n2"}, "code": 3.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTrouble: what goes wrong on one node costs that node alone.
func TestTrouble(t *testing.T) {
	s := newSite(t, "n1", "n2", "n3", "n4")
	// n100 answers nothing at all, n101 accepts and is silent, n102 is not there.
	s.sh("ip", "neigh", "add", "10.9.0.100", "lladdr", "02:00:00:00:00:01", "dev", "br0", "nud", "permanent")
	s.silent("10.9.0.101")
	s.sh("ip", "addr", "add", "10.9.0.102/16", "dev", "br0")
	t.Run("dead nodes", func(t *testing.T) {
		r := s.run("fleet", "exec", "-w", "n[100-102],n[1-4]", "--connect-timeout", "10s", "--", "hostname")
		s.want(r, 4, "n4: n4\n", "n[100-101]: unreachable: timed out after 10s: connect")
		s.want(r, 4, "", "n102: unreachable: connect: connection refused")
		s.want(r, 4, "", "4 of 7 ok: n[1-4]; 3 unreachable: n[100-102]")
		if r.took > 19*time.Second {
			t.Errorf("two silent nodes cost %v: one waits for the other", r.took)
		}
		s.want(s.run("fleet", "exec", "-w", "n[1-4],n102", "--min-ok", "80%", "--", "true"), 0, "", "4 of 5 ok")
		s.want(s.run("fleet", "exec", "-w", "n[1-4],n102", "--min-ok", "5", "--", "true"), 4, "", "4 of 5 ok")
	})
	t.Run("retry", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "-w", "n[1-4]", "--", `[ $(hostname) != n2 ]`), 1, "", "n2: failed: exit code 1")
		s.want(s.run("fleet", "exec", "-w", "n[1-4]", "--retry-failed", "--", "hostname"), 0, "n2: n2\n", "1 of 1 ok: n2")
		s.want(s.run("fleet", "exec", "-w", "n[1-4]", "--retry-failed", "--", "hostname"), 1, "", "no nodes")
	})
	t.Run("hangs", func(t *testing.T) {
		r := s.run("fleet", "exec", "-w", "n[1-2]", "--timeout", "1s", "--", `[ $(hostname) = n1 ] || { echo begun; exec sleep 977; }`)
		s.want(r, 4, "n2: begun\n", "n2: timeout: timed out after 1s: command")
		s.want(s.run("fleet", "exec", "-w", "n2", "--", "pgrep -f '^sleep 977' || echo none"), 0, "n2: none", "")
	})
	t.Run("floods", func(t *testing.T) {
		s.flood(t, "--json")
		s.flood(t)
	})
	t.Run("not UTF-8", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "-w", "n1", "--", `printf 'a\377\000b\nno newline'`), 0, "n1: a\xff\x00b\nn1: no newline\n", "")
	})
	t.Run("host keys", func(t *testing.T) { s.hostKeys(t) })
	t.Run("keys", func(t *testing.T) {
		stranger := filepath.Join(s.dir, "stranger_key")
		must(t, os.Remove(filepath.Join(s.dir, "home/.ssh/id_ed25519")))
		s.want(s.run("fleet", "exec", "-i", stranger, "-w", "n1", "--", "true"), 4, "", "no key was accepted for user root ("+stranger+", no agent)")
		s.want(s.run("fleet", "exec", "-i", filepath.Join(s.dir, "host_key.pub"), "-w", "n1", "--", "true"), 4, "", "host_key.pub: is a public key, and the agent does not hold its private one")
		s.want(s.run("fleet", "exec", "-i", filepath.Join(s.dir, "user_key"), "-w", "n1", "--", "true"), 0, "", "1 of 1 ok")
		s.home()
	})
	t.Run("interrupt", func(t *testing.T) {
		cmd := s.command("fleet", "exec", "-w", "n[1-2]", "--", `echo begun; [ $(hostname) = n1 ] || exec sleep 978`)
		out, err := cmd.StdoutPipe()
		must(t, err)
		var messages strings.Builder
		cmd.Stderr = &messages
		must(t, cmd.Start())
		begun := make([]byte, 0, 64)
		for buf := make([]byte, 64); strings.Count(string(begun), "begun\n") < 2; {
			n, err := out.Read(buf)
			must(t, err)
			begun = append(begun, buf[:n]...)
		}
		s.pause()
		must(t, cmd.Process.Signal(syscall.SIGINT))
		cmd.Wait()
		s.want(result{code: cmd.ProcessState.ExitCode(), stderr: messages.String()}, 130, "", "1 of 2 ok: n1; 1 interrupted: n2")
	})
	t.Run("power cut", func(t *testing.T) {
		cmd := s.command("fleet", "exec", "-w", "n4", "--", `echo begun; exec sleep 979`)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		_, err = out.Read(make([]byte, 64))
		must(t, err)
		s.kill("n4")
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != 4 {
			t.Errorf("want 4, got %d", got)
		}
	})
}

// flood checks the memory that a flood of 300 MB takes: about 100 MiB on a quiet machine, more where the collector comes late.
func (s *site) flood(t *testing.T, flags ...string) {
	cmd := s.command(append(append([]string{"fleet", "exec", "-w", "n1"}, flags...), "--", "head -c 300000000 /dev/zero")...)
	out, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer out.Close()
	cmd.Stdout = out
	must(t, cmd.Run())
	info, err := out.Stat()
	must(t, err)
	if len(flags) == 0 && info.Size() < 300000000 {
		t.Errorf("of 300 MB came %d bytes", info.Size())
	}
	if rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; rss > 180<<10 {
		t.Errorf("%v: a flood takes %d MiB of memory", flags, rss>>10)
	}
}

func (s *site) hostKeys(t *testing.T) {
	public, err := os.ReadFile(filepath.Join(s.dir, "other_key.pub"))
	must(t, err)
	host, err := os.ReadFile(filepath.Join(s.dir, "host_key.pub"))
	must(t, err)
	file := func(name, text string) string { s.write(name, text); return filepath.Join(s.dir, name) }
	changed := file("changed", "10.9.0.1 "+string(public)+"10.9.0.2 "+string(host))
	r := s.run("fleet", "exec", "--known-hosts", changed, "-w", "n[1-3]", "--", "hostname")
	s.want(r, 4, "n2: n2\n", "n1: unreachable: host key not trusted: it changed")
	s.want(r, 4, "", "n3: unreachable: host key not trusted: none is known")

	// A host certificate of an authority that is trusted.
	s.sh("ssh-keygen", "-q", "-s", filepath.Join(s.dir, "other_key"), "-I", "n9", "-h", "-n", "10.9.0.9", filepath.Join(s.dir, "host_key.pub"))
	s.start("n9", "HostCertificate "+filepath.Join(s.dir, "host_key-cert.pub"))
	s.start("n10", "HostCertificate "+filepath.Join(s.dir, "host_key-cert.pub"))
	s.await("n9")
	s.await("n10")
	authority := file("authority", "@cert-authority 10.9.* "+string(public))
	r = s.run("fleet", "exec", "--known-hosts", authority, "-w", "n[9-10]", "--", "hostname")
	s.want(r, 4, "n9: n9\n", "n10: unreachable: host key not trusted")
}

// TestMany: 1,024 connections that are open at the same time, to 16 nodes that go by 64 names each.
func TestMany(t *testing.T) {
	if !whole() {
		t.Skip("left out without APPLY_FLEET=whole, being one of the long tests: 1,024 connections at a time")
	}
	var names []string
	var inventory strings.Builder
	for i := 1; i <= 16; i++ {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	for i := range 1024 {
		fmt.Fprintf(&inventory, "node \"m%d\" {\n  address = \"10.9.0.%d\"\n}\n", i+1, i%16+1)
	}
	s := newSite(t)
	for _, n := range names {
		s.start(n, "MaxStartups 200") // a node of its own would not be asked 64 times at once
	}
	for _, n := range names {
		s.await(n)
	}
	s.write("many.hcl", inventory.String())
	r := s.run("fleet", "exec", "--inventory", "many.hcl", "-w", "m[1-1024]", "--connect-timeout", "2m", "--timeout", "5m", "--", "sleep 30; hostname")
	s.want(r, 0, "", "1024 of 1024 ok")
	lines := map[string]int{}
	for line := range strings.Lines(r.stdout) {
		_, host, _ := strings.Cut(strings.TrimSpace(line), ": ")
		lines[host]++
	}
	for _, n := range names {
		if lines[n] != 64 {
			t.Errorf("%s answered %d times, want 64", n, lines[n])
		}
	}
}
