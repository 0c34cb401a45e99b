package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

// seat is where a fleet of full nodes is worked on from: a folder of this machine, on the lab's network.
type seat struct {
	t     *testing.T
	lab   *lab.Lab
	dir   string
	apply string
	nodes []*lab.Node
}

// newSeat boots nodes with sshd, which let the seat's key in.
func newSeat(t *testing.T, n int) *seat {
	t.Helper()
	l := lab.New(t)
	ctx := t.Context()
	img, err := image.With(ctx, "openssh-server")
	if err != nil {
		t.Fatal(err)
	}
	var specs []lab.Spec
	for i := range n {
		specs = append(specs, lab.Spec{Name: fmt.Sprintf("node%02d", i+1), Image: img})
	}
	s := &seat{t: t, lab: l, dir: t.TempDir(), apply: lab.Binary(t)}
	if s.nodes, err = l.Boot(ctx, specs...); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(s.dir, ".ssh", "id_ed25519")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	inventory, known := "group \"storage\" {\n  nodes = [\"node[01-99]\"]\n}\n", ""
	for _, node := range s.nodes {
		if err := node.Put(ctx, "/root/.ssh/authorized_keys", public, 0o600); err != nil {
			t.Fatal(err)
		}
		host, err := node.Must(ctx, "sh", "-ec", "ssh-keygen -A >/dev/null; chmod 700 /root/.ssh; systemctl restart ssh; cat /etc/ssh/ssh_host_ed25519_key.pub")
		if err != nil {
			t.Fatal(err)
		}
		known += node.Addr + " " + host
		inventory += fmt.Sprintf("node %q {\n  address = %q\n}\n", node.Name, node.Addr)
	}
	s.write(".ssh/known_hosts", known)
	s.write("fleet.hcl", inventory)
	return s
}

func (s *seat) write(name, text string) {
	s.t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs apply at the seat, wants an exit code, and returns what it printed.
func (s *seat) run(code int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	cmd := s.lab.Command(s.t.Context(), append([]string{s.apply}, args...)...)
	cmd.Dir = s.dir
	cmd.Env = []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "APPLY_STATE_DIR=" + filepath.Join(s.dir, "state")}
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		s.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("apply %s: want exit code %d, got %d:\n%s%s", strings.Join(args, " "), code, got, &out, &messages)
	}
	return out.String(), messages.String()
}

// A service of systemd on every node; when all of them run, one node, which nobody has named, makes the volume.
const fleetManifest = `
file "/etc/systemd/system/brickd.service" {
  content = "[Service]\nExecStart=/bin/sleep infinity\n"
}
service "brickd" {
  ensure    = "running"
  subscribe = [file["/etc/systemd/system/brickd.service"]]
}
fact "brickup" {
  value   = true
  require = [service.brickd]
}
wait "bricks" {
  fact    = "brickup"
  group   = "storage"
  timeout = "2m"
}
file "/srv/peers" {
  content = join("\n", wait.bricks.names)
}
exec "volume" {
  when    = wait.bricks.first == fact.hostname
  command = ["sh", "-c", "touch /srv/volume"]
  unless  = "test -e /srv/volume"
}
`

// TestFleetOfFullNodes converges nodes with systemd, two of them, or five with APPLY_E2E=whole, and then works on them by their agents.
func TestFleetOfFullNodes(t *testing.T) {
	count := 2
	if os.Getenv("APPLY_E2E") == "whole" {
		count = 5
	}
	s := newSeat(t, count)
	set := fmt.Sprintf("node[01-%02d]", count)
	s.write("site/main.hcl", fleetManifest)
	t.Run("converge, with waits and no exchange", func(t *testing.T) {
		s.run(2, "fleet", "converge", "-w", set, "--plan", "--detailed-exitcode", "site")
		s.run(2, "fleet", "converge", "-w", set, "--report", "joint.json", "--detailed-exitcode", "site")
		s.run(0, "fleet", "converge", "-w", set, "--detailed-exitcode", "site")
		out, _ := s.run(0, "fleet", "exec", "-w", set, "-b", "--", "systemctl is-active brickd; cat /srv/peers | wc -w; ls /srv")
		want := fmt.Sprintf("node01\n---------------\nactive\n%d\npeers\nvolume\n", count)
		if !strings.Contains(out, want) || strings.Count(out, "volume") != 1 {
			t.Errorf("want %q and no other volume in\n%s", want, out)
		}
		text, err := os.ReadFile(filepath.Join(s.dir, "joint.json"))
		var joint struct {
			Waits []struct {
				Met bool
				For []struct{ Node string }
			}
		}
		if err != nil || json.Unmarshal(text, &joint) != nil || len(joint.Waits) != count || !joint.Waits[0].Met || len(joint.Waits[0].For) != count {
			t.Errorf("the waits are told wrongly: %v, %+v", err, joint)
		}
	})
	t.Run("agents", func(t *testing.T) { s.agents(set) })
}

// agents enrolls agents over ssh and lets commands go by them alone.
func (s *seat) agents(set string) {
	t, ctx := s.t, s.t.Context()
	s.run(0, "fleet", "enroll", "-w", set)
	if _, messages := s.run(4, "fleet", "exec", "-w", set, "--agent", "--", "true"); !strings.Contains(messages, "connection refused") {
		t.Errorf("an agent is not off by default: %s", messages)
	}
	s.run(0, "fleet", "enroll", "-w", set, "--start")
	for _, n := range s.nodes {
		if _, err := n.Must(ctx, "systemctl", "stop", "ssh.service", "ssh.socket"); err != nil {
			if _, err := n.Must(ctx, "systemctl", "stop", "ssh.service"); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.run(4, "fleet", "exec", "-w", set, "--", "true")
	out, _ := s.run(3, "fleet", "exec", "-w", set, "--agent", "--", "echo by $(hostname); [ $(hostname) != node02 ] || exit 3")
	if !strings.Contains(out, "node01: by node01\n") || !strings.Contains(out, "node02: by node02\n") {
		t.Errorf("got %s", out)
	}
	s.write("fleet.hcl", strings.ReplaceAll(s.inventory(), "  address", "  agent   = true\n  address"))
	s.run(0, "fleet", "exec", "-w", set, "--", "true") // the inventory says so
	node := s.nodes[0]
	for _, look := range [][]string{{"cat", "/var/log/apply/agent.log"}, {"journalctl", "-u", "apply-agent", "-o", "cat"}} {
		text, err := node.Must(ctx, look...)
		if err != nil || strings.Count(text, `"event":"begun"`) != 2 || !strings.Contains(text, "echo by $(hostname)") {
			t.Errorf("%q: want both commands, got %v\n%s", look, err, text)
		}
	}
	if r, err := node.Run(ctx, "sh", "-c", "echo > /var/log/apply/agent.log"); err == nil && r.Code == 0 {
		if text, err := node.Get(ctx, "/var/log/apply/agent.log"); err != nil || !strings.Contains(text, "begun") {
			t.Logf("the lab's file system does not guard the audit: %v", err)
		}
	}
	if err := node.Put(ctx, "/etc/apply/agent/allowed_signers", []byte("# nobody\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, messages := s.run(4, "fleet", "exec", "-w", "node01", "--", "true"); !strings.Contains(messages, "other operators' keys") {
		t.Errorf("an operator that a node no longer allows: %s", messages)
	}
}

func (s *seat) inventory() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "fleet.hcl"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}
