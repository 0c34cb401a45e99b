package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rehearsed reaches for all that a sandbox must keep from the node.
const rehearsed = `
file "/etc/old.conf" { content = "new\n" }
service "old" {
  ensure    = "running"
  enable    = true
  subscribe = [file["/etc/old.conf"]]
}
file "/etc/systemd/system/new.service" { content = "[Service]\nExecStart=/bin/sleep 1000\n" }
service "new" { ensure = "running" }
file "/mnt/data" { ensure = "directory" }
mount "/mnt/data" {
  ensure = "mounted"
  device = "tmpfs"
  fstype = "tmpfs"
}
exec "talk" {
  command = "systemctl stop old.service"
  creates = "/never"
}
user "carol" {
  uid        = 4321
  managehome = true
  home       = "/home/carol"
}
exec "tree" {
  command = "rm -rf /var/lib/systemd; cp -a /etc/apt /usr/share/copy"
  creates = "/usr/share/copy"
}
`

// TestProve rehearses on a node that runs: its services, mounts and files stay as they are.
func TestProve(t *testing.T) {
	n := serviceNode(t)
	ctx := t.Context()
	unit := "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"
	if err := n.Put(ctx, "/etc/systemd/system/old.service", []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, n, "systemctl daemon-reload && systemctl start old.service")
	if err := n.Put(ctx, "/root/prove.hcl", []byte(rehearsed), 0o644); err != nil {
		t.Fatal(err)
	}
	look := "systemctl show -p MainPID,ActiveState old.service; systemctl is-enabled old.service || :; cat /proc/self/mountinfo; ls /etc /mnt /usr /var/lib /home /run; cat /etc/passwd"
	before := must(t, n, look)
	res, err := n.Run(ctx, "apply", "prove", "--json", "--orders", "3", "/root/prove.hcl")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Verdict   string
		Resources int
		Claims    []struct{ Claim, Verdict, Summary string }
		Open      []struct{ Name, Reason string } `json:"not_decided"`
		Warnings  []struct{ Detail string }
	}
	if err := json.Unmarshal([]byte(res.Stdout), &v); err != nil {
		t.Fatalf("%v: %s%s", err, res.Stdout, res.Stderr)
	}
	open := map[string]string{}
	for _, o := range v.Open {
		open[o.Name], _, _ = strings.Cut(o.Reason, " (")
	}
	want := map[string]string{
		"service.old": "only modelled: unit old.service", "service.new": "only modelled: unit new.service", `mount["/mnt/data"]`: "only modelled: mount /mnt/data",
		"exec.talk": "it fails in the sandbox: exit code 1",
	}
	if diff := cmp.Diff(want, open); diff != "" || v.Resources != 5 {
		t.Errorf("%d resources; %s\n%s", v.Resources, diff, res.Stdout)
	}
	if len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0].Detail, "which defines service.new at ") {
		t.Errorf("warnings: %v", v.Warnings)
	}
	for _, c := range v.Claims {
		if c.Verdict == "refuted" {
			t.Errorf("%s: %s\n%s", c.Claim, c.Summary, res.Stdout)
		}
	}
	if diff := cmp.Diff(before, must(t, n, look)); diff != "" {
		t.Errorf("the node was changed: %s", diff)
	}
	res, err = n.Run(ctx, "apply", "plan", "--sandbox", "/root/prove.hcl")
	if err != nil || res.Code != 0 {
		t.Fatalf("%v: %+v", err, res)
	}
	for _, line := range []string{
		"  /home/carol: nothing -> directory ", "  unit old.service: ", `  mount /mnt/data: not modelled yet -> `, "  /var/lib/systemd: directory 0755 0:0 -> nothing (exec.tree)",
	} {
		if !strings.Contains(res.Stdout, "\n"+line) {
			t.Errorf("want %q in\n%s", line, res.Stdout)
		}
	}
	if diff := cmp.Diff(before, must(t, n, look)); diff != "" {
		t.Errorf("the node was changed: %s", diff)
	}
}
