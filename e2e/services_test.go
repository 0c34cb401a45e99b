package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab"
)

// serviceNode boots a node with the program.
func serviceNode(t *testing.T) *lab.Node {
	t.Helper()
	lab.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	nodes, err := lab.New(t).Boot(ctx, lab.Spec{Name: "node1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].CopyBinary(ctx, lab.Binary(t)); err != nil {
		t.Fatal(err)
	}
	return nodes[0]
}

// result is one resource's end.
type result struct {
	Outcome, Reason string
	Refreshed       bool
	Error           struct{ Summary, Detail string }
}

// results converges a manifest and returns how each service came out, by title.
func results(t *testing.T, n *lab.Node, manifest string) map[string]result {
	t.Helper()
	if err := n.Put(t.Context(), "/root/services.hcl", []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := n.Run(t.Context(), "apply", "--json", "--parallel", "16", "/root/services.hcl")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]result{}
	for line := range strings.Lines(res.Stdout) {
		var e struct{ Event, Type, Title string }
		var r result
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Event != "resource" || e.Type != "service" {
			continue
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		found[e.Title] = r
	}
	if len(found) == 0 {
		t.Fatalf("exit code %d\n%s%s", res.Code, res.Stdout, res.Stderr)
	}
	return found
}

const install = "\n[Install]\nWantedBy=multi-user.target\n"

// vendor is a shell line that makes a unit file where systemd lets it be masked.
func vendor(name string) string {
	return "mkdir -p /usr/local/lib/systemd/system; printf '[Service]\\nExecStart=sleep infinity" + strings.ReplaceAll(install, "\n", `\n`) +
		"' > /usr/local/lib/systemd/system/" + name + ".service; "
}

// states are the units of TestServices: what each is like before, what is declared of it, what comes of that, and a shell line that is true then.
var states = map[string]struct {
	unit, before, declared string
	outcome, words, detail string
	after                  string
}{
	"good":    {"ExecStart=sleep infinity" + install, "", `ensure = "running", enable = true`, "changed", "", "", "systemctl is-active good && systemctl is-enabled good"},
	"dies":    {"ExecStart=sh -c 'echo about to die; sleep 0.3; exit 1'", "", `ensure = "running"`, "failed", "does not stay up", "about to die", ""},
	"missing": {"ExecStart=/nonexistent/program", "", `ensure = "running"`, "failed", "does not stay up", "nonexistent", ""},
	"loops":   {"ExecStart=false\nRestart=always\nRestartSec=0.1\n[Unit]\nStartLimitIntervalSec=0", "", `ensure = "running"`, "failed", "does not stay up", "", ""},
	"slow": {"Type=notify\nExecStart=sleep infinity\nTimeoutStartSec=infinity", "", `ensure = "running", timeout = "3s"`, "failed", "timed out after 3s", "",
		"! systemctl list-jobs --no-legend | grep slow"},
	"late":     {"Type=notify\nExecStart=sleep infinity\nTimeoutStartSec=1", "", `ensure = "running"`, "failed", "job ended", "timed out", ""},
	"needy":    {"ExecStart=sleep infinity\n[Unit]\nRequires=between.service\nAfter=between.service", "", `ensure = "running"`, "failed", "the job ended \"dependency\"; broken.service failed (exit-code)", "", ""},
	"between":  {"ExecStart=sleep infinity\n[Unit]\nBindsTo=broken.service\nAfter=broken.service", "", "", "", "", "", ""},
	"broken":   {"Type=oneshot\nExecStart=false", "", "", "", "", "", ""},
	"diskless": {"ExecStart=sleep infinity\n[Unit]\nRequires=dev-none.device\nAfter=dev-none.device", "mkdir -p /etc/systemd/system/dev-none.device.d; printf '[Unit]\nJobRunningTimeoutSec=1\n' > /etc/systemd/system/dev-none.device.d/a.conf; systemctl daemon-reload", `ensure = "running"`, "failed", "the job ended \"dependency\"; dev-none.device is inactive", "", ""},
	"ended":    {"Type=oneshot\nExecStart=true", "", `ensure = "running"`, "failed", "RemainAfterExit", "", ""},
	"again":    {"ExecStart=false\nRestart=always\nRestartSec=30", "systemctl start again; sleep 0.5", `ensure = "stopped"`, "changed", "", "", "test $(systemctl show -P ActiveState again) = inactive"},

	"static":      {"ExecStart=sleep infinity", "", `enable = true`, "unchanged", "", "", ""},
	"static2":     {"ExecStart=sleep infinity", "", `enable = false`, "unchanged", "", "", ""},
	"indirect":    {"ExecStart=sleep infinity\n[Install]\nAlso=good.service", "systemctl is-enabled indirect | grep indirect", `enable = true`, "unchanged", "", "", ""},
	"generated":   {"", "", `enable = true`, "unchanged", "", "", "systemctl is-enabled generated 2>&1 | grep -v enabled"},
	"nick":        {"", "ln -s /etc/systemd/system/real.service /etc/systemd/system/nick.service", `ensure = "running", enable = true`, "changed", "", "", "systemctl is-enabled real"},
	"template@":   {"ExecStart=echo %i\nExecStart=sleep infinity\nType=oneshot\nRemainAfterExit=yes" + install, "", "", "", "", "", ""},
	"template2@":  {"ExecStart=sleep infinity" + install, "", "", "", "", "", ""},
	"template2@x": {"", "", `ensure = "running", enable = true`, "changed", "", "", "systemctl is-active template2@x && systemctl is-enabled template2@x"},
	"real":        {"ExecStart=sleep infinity" + install, "", "", "", "", "", ""},
	"linked":      {"", "printf '[Service]\nExecStart=sleep infinity" + strings.ReplaceAll(install, "\n", `\n`) + "' > /opt/linked.service; systemctl link /opt/linked.service", `enable = true`, "changed", "", "", "systemctl is-enabled linked | grep enabled"},
	"mask":        {"", vendor("mask") + "systemctl daemon-reload; systemctl start mask", `ensure = "stopped", enable = "mask"`, "changed", "", "", "! systemctl start mask && ! systemctl is-active mask"},
	"masked":      {"", vendor("masked") + "systemctl mask masked", `ensure = "running", enable = true`, "changed", "", "", "systemctl is-active masked && systemctl is-enabled masked"},
	"runtime":     {"", vendor("runtime") + "systemctl enable runtime; systemctl mask --runtime runtime", `ensure = "running", enable = true`, "changed", "", "", "systemctl is-active runtime && systemctl is-enabled runtime"},
	"runtime2":    {"", vendor("runtime2") + "systemctl enable runtime2; systemctl mask --runtime runtime2", `enable = false`, "changed", "", "", "test $(systemctl is-enabled runtime2) = disabled"},
	"runtime3":    {"", vendor("runtime3") + "systemctl mask --runtime runtime3", `enable = "mask"`, "changed", "", "", "test $(readlink /etc/systemd/system/runtime3.service) = /dev/null"},
	"held":        {"", "systemctl mask held", `ensure = "running"`, "failed", "enable = true takes the mask off", "", ""},
	"edited":      {"ExecStart=sleep infinity", "systemctl start edited; test $(systemctl show -P UnitFileState edited) = static; printf '" + strings.ReplaceAll(install, "\n", `\n`) + "' >> /etc/systemd/system/edited.service", `enable = true`, "changed", "", "", "systemctl is-enabled edited"},
	"none":        {"", "", `ensure = "running"`, "failed", "there is no such service", "", ""},
	"none2":       {"", "", `ensure = "stopped", enable = false`, "unchanged", "", "", ""},
	"owned": {"", "", `start = "(sleep 2; touch /run/owned) >/dev/null 2>&1 &", stop = "rm /run/owned", status = "test -e /run/owned", ensure = "running"`, "changed", "", "",
		"test -e /run/owned"},
}

// TestServices brings units of every kind to what is declared of them, on a node that systemd runs.
func TestServices(t *testing.T) {
	n := serviceNode(t)
	var units, before, manifest strings.Builder
	for _, name := range slices.Sorted(maps.Keys(states)) {
		s := states[name]
		if s.unit != "" {
			fmt.Fprintf(&units, "cat > /etc/systemd/system/%s.service <<'EOF'\n[Service]\n%s\nEOF\n", name, s.unit)
		}
		if s.before != "" {
			before.WriteString(s.before + "\n")
		}
		if s.declared != "" {
			fmt.Fprintf(&manifest, "service %q {\n%s\n}\n", name, strings.ReplaceAll(s.declared, ", ", "\n"))
		}
	}
	units.WriteString(`mkdir -p /etc/init.d
printf '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: generated\n# Required-Start:\n# Required-Stop:\n# Default-Start:\n# Default-Stop:\n### END INIT INFO\n' > /etc/init.d/generated
chmod 755 /etc/init.d/generated
systemctl daemon-reload
`)
	must(t, n, units.String()+before.String())
	found := results(t, n, manifest.String())
	for name, s := range states {
		if s.declared == "" {
			continue
		}
		got := found[name]
		if got.Outcome != s.outcome || !strings.Contains(got.Error.Summary, s.words) || !strings.Contains(got.Error.Detail, s.detail) {
			t.Errorf("%s: want %s %q %q, got %+v", name, s.outcome, s.words, s.detail, got)
		}
		if s.after != "" {
			must(t, n, s.after)
		}
	}
	again := results(t, n, manifest.String())
	for name, s := range states {
		if s.outcome == "changed" && again[name].Outcome != "unchanged" {
			t.Errorf("%s, the second time: %+v", name, again[name])
		}
	}
}

// refreshed are services that subscribe to a file which changes.
const refreshed = `
file "/etc/subject" {
  content = "%s"
}

service "running" {
  subscribe = file["/etc/subject"]
}

service "stopped" {
  subscribe = file["/etc/subject"]
}

service "fresh" {
  ensure    = "running"
  subscribe = file["/etc/subject"]
}

service "reloads" {
  on_refresh = "reload"
  subscribe  = file["/etc/subject"]
}

service "either" {
  on_refresh = "reload-or-restart"
  subscribe  = file["/etc/subject"]
}

file "/etc/systemd/system/edited.service" {
  content = "[Service]\nExecStart=sh -c 'echo %s > /run/edited; exec sleep infinity'\n"
}

service "edited" {
  ensure    = "running"
  subscribe = file["/etc/systemd/system/edited.service"]
}

service "fails" {
  subscribe = file["/etc/subject"]
}

exec "crash" {
  command = "touch /run/crashed; kill -9 $PPID"
  unless  = "test -e /run/crashed || ! grep -q third /etc/subject"
  require = file["/etc/subject"]
  before  = [service.running, service.stopped, service.fresh, service.reloads, service.either, service.edited, service.fails]
}
`

// TestServicesRefreshed is what a notify does to services, and that none is lost when the run dies before it.
func TestServicesRefreshed(t *testing.T) {
	n := serviceNode(t)
	must(t, n, `for name in running stopped fresh reloads either edited; do
	printf "[Service]\nExecStart=sh -c 'echo start >> /run/$name; exec sleep infinity'\n" > /etc/systemd/system/$name.service
done
echo 'ExecReload=sh -c "echo reload >> /run/reloads"' >> /etc/systemd/system/reloads.service
printf "[Service]\nExecStart=sh -c 'test ! -e /run/broken && exec sleep infinity'\n" > /etc/systemd/system/fails.service
systemctl daemon-reload
systemctl start running reloads either edited fails
sleep 0.5
touch /run/broken`)
	const logs = "cd /run; for f in running stopped fresh reloads either edited; do echo $f $(cat $f 2>/dev/null); done"
	const reloads = `journalctl _PID=1 -o cat --no-pager | grep -cE '^Reloading\.|^Reload requested' || true`
	before := must(t, n, reloads)
	got := results(t, n, fmt.Sprintf(refreshed, "first", "first"))
	for name, want := range map[string]result{
		"running": {Outcome: "refreshed", Refreshed: true}, "stopped": {Outcome: "unchanged", Reason: "not refreshed: not running"},
		"fresh":   {Outcome: "changed", Reason: "not refreshed: started in this run"},
		"reloads": {Outcome: "refreshed", Refreshed: true}, "either": {Outcome: "refreshed", Refreshed: true}, "edited": {Outcome: "refreshed", Refreshed: true},
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got["fails"].Outcome != "failed" || !strings.Contains(got["fails"].Error.Summary, "does not stay up") {
		t.Errorf("fails: %+v", got["fails"])
	}
	want := "running start start\nstopped\nfresh start\nreloads start reload\neither start start\nedited first\n"
	if diff := cmp.Diff(want, must(t, n, logs)); diff != "" {
		t.Error(diff)
	}
	if after := must(t, n, reloads); strings.TrimSpace(after) != fmt.Sprint(1+number(t, before)) {
		t.Errorf("systemd has read its files again: before %s, after %s; want once", before, after)
	}

	must(t, n, "rm /run/broken; systemctl start fails")
	if got := results(t, n, fmt.Sprintf(refreshed, "first", "first"))["fails"]; got.Outcome != "refreshed" {
		t.Errorf("the refresh that failed before: %+v", got)
	}

	if err := n.Put(t.Context(), "/root/services.hcl", fmt.Appendf(nil, refreshed, "third", "first"), 0o644); err != nil {
		t.Fatal(err)
	}
	if res, err := n.Run(t.Context(), "apply", "/root/services.hcl"); err != nil || res.Code != 128+9 {
		t.Fatalf("the run that is killed: exit code %d, %v\n%s%s", res.Code, err, res.Stdout, res.Stderr)
	}
	if diff := cmp.Diff(want, must(t, n, logs)); diff != "" {
		t.Errorf("when the run died: %s", diff)
	}
	got = results(t, n, fmt.Sprintf(refreshed, "third", "first"))
	if got["running"].Outcome != "refreshed" || got["edited"].Outcome != "unchanged" {
		t.Errorf("after the run that died: %+v", got)
	}
	want = "running start start start\nstopped\nfresh start start\nreloads start reload reload\neither start start start\nedited first\n"
	if diff := cmp.Diff(want, must(t, n, logs)); diff != "" {
		t.Error(diff)
	}
}

func number(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return n
}

// TestUnitsOfANode runs, on a node that systemd runs, the tests of package host that need such a node.
func TestUnitsOfANode(t *testing.T) {
	n := serviceNode(t)
	name := filepath.Join(t.TempDir(), "host.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", name, "github.com/nodeapply/apply/host/local")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Put(t.Context(), "/root/host.test", program, 0o755); err != nil {
		t.Fatal(err)
	}
	out := must(t, n, "cd /tmp && /root/host.test -test.v -test.run 'TestUnitsOfTheRunningSystemd'")
	if !strings.Contains(out, "--- PASS: TestUnitsOfTheRunningSystemd") {
		t.Errorf("not run:\n%s", out)
	}
}
