package lab_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/e2e/lab"
)

func TestNodes(t *testing.T) {
	l := lab.New(t)
	nodes := boot(t, l, lab.Spec{Name: "one", Disks: []int64{64 << 20, 64 << 20}}, lab.Spec{Name: "two"})
	one, two := nodes[0], nodes[1]

	wantEqual(t, "host name", "one\n", must(t, one, "hostname"))
	wantEqual(t, "systemd", "running\n", must(t, one, "systemctl is-system-running"))
	if a, b := must(t, one, "cat /etc/machine-id"), must(t, two, "cat /etc/machine-id"); a == b || len(a) != 33 {
		t.Errorf("machine ids %q and %q, want two", a, b)
	}

	must(t, one, "systemd-run --quiet --unit=long sleep infinity && systemctl is-active long")
	must(t, one, "mkfs.ext4 -q /dev/xvdj && mkfs.ext4 -q /dev/xvdk && mount /dev/xvdj /mnt && echo kept > /mnt/f")
	wantEqual(t, "disk", "ext4\n", must(t, one, "findmnt -no FSTYPE /mnt"))

	wantPing(t, one, two, true)
	check(t, l.Cut(t.Context(), []*lab.Node{one}, []*lab.Node{two}))
	wantPing(t, one, two, false)
	must(t, one, "ping -c1 -W2 "+lab.Addr)
	check(t, l.Heal(t.Context()))
	wantPing(t, one, two, true)
	check(t, two.LinkDown(t.Context()))
	wantPing(t, one, two, false)
	check(t, two.LinkUp(t.Context()))
	wantPing(t, one, two, true)

	put(t, one, "/root/kept", "file\n")
	was := must(t, one, "cat /proc/sys/kernel/random/boot_id")
	check(t, one.Reboot(t.Context()))
	if is := must(t, one, "cat /proc/sys/kernel/random/boot_id"); is == was {
		t.Error("boot id is the same after a reboot")
	}
	wantEqual(t, "after a reboot", "inactive file kept ", must(t, one,
		"mount /dev/xvdj /mnt; for x in $(systemctl is-active long) $(cat /root/kept /mnt/f); do printf '%s ' $x; done"))

	running, err := one.Start(t.Context(), "sleep", "infinity")
	check(t, err)
	must(t, one, "systemctl reboot")
	check(t, one.AwaitOff(t.Context()))
	if _, err := running.Wait(); err != nil {
		t.Errorf("command that was running at a shutdown: %v", err)
	}
	check(t, one.Boot(t.Context()))

	check(t, one.Kill(t.Context()))
	wantPing(t, two, one, false)
	check(t, one.Boot(t.Context()))
	wantEqual(t, "after a kill", "file\n", must(t, one, "cat /root/kept"))
	check(t, one.PowerOff(t.Context()))
	if _, err := one.Run(t.Context(), "true"); err == nil || !strings.Contains(err.Error(), "off") {
		t.Errorf("command in a node that is off: %v, want an error that says so", err)
	}
}

func TestRun(t *testing.T) {
	l := lab.New(t)
	n := boot(t, l, lab.Spec{Name: "alone"})[0]

	res, err := n.Run(t.Context(), "sh", "-c", "echo out; echo err >&2; pwd; exit 7")
	check(t, err)
	if diff := cmp.Diff(lab.Result{Stdout: "out\n/\n", Stderr: "err\n", Code: 7}, res); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}

	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, late)
	defer cancel()
	if _, err := n.Run(ctx, "sh", "-c", "sleep 1001 & sleep 1002"); !errors.Is(err, late) {
		t.Errorf("run past its deadline: %v, want %v", err, late)
	}
	wantEqual(t, "commands left", "", must(t, n, "pgrep -af 'sleep 100[12]' | grep -v pgrep || true"))

	p, err := n.Start(t.Context(), "sleep", "infinity")
	check(t, err)
	must(t, n, "for try in $(seq 100); do pgrep sleep && exit; sleep 0.1; done; exit 1")
	check(t, p.Signal(syscall.SIGKILL))
	res, err = p.Wait()
	check(t, err)
	wantEqual(t, "exit code", 128+9, res.Code)

	put(t, n, "/some/where/file", "content\n")
	content, err := n.Get(t.Context(), "/some/where/file")
	check(t, err)
	wantEqual(t, "content", "content\n", content)

	program, err := lab.Build(t.Context(), "cmd/test2json")
	check(t, err)
	check(t, n.CopyBinary(t.Context(), program))
	wantEqual(t, "program", "{\"Action\":\"start\"}\n{\"Action\":\"output\",\"Output\":\"hello\\n\"}\n",
		must(t, n, "echo hello | test2json"))
}

// TestDial shows that the test reaches servers on the nodes.
func TestDial(t *testing.T) {
	l := lab.New(t)
	n := boot(t, l, lab.Spec{Name: "server"})[0]
	put(t, n, "/etc/systemd/system/hello.socket", "[Socket]\nListenStream=7000\nAccept=yes\n")
	put(t, n, "/etc/systemd/system/hello@.service", "[Service]\nExecStart=echo hello\nStandardOutput=socket\n")
	must(t, n, "systemctl start hello.socket")
	conn, err := l.Dial(t.Context(), "tcp", n.Addr+":7000")
	check(t, err)
	defer conn.Close()
	said, err := io.ReadAll(conn)
	check(t, err)
	wantEqual(t, "server", "hello\n", string(said))
}

func boot(t *testing.T, l *lab.Lab, specs ...lab.Spec) []*lab.Node {
	t.Helper()
	nodes, err := l.Boot(t.Context(), specs...)
	check(t, err)
	return nodes
}

// each calls f for all nodes at a time.
func each(t *testing.T, nodes []*lab.Node, f func(n *lab.Node) error) {
	t.Helper()
	var g errgroup.Group
	for _, n := range nodes {
		g.Go(func() error { return f(n) })
	}
	check(t, g.Wait())
}

// must runs a shell script in the node.
func must(t *testing.T, n *lab.Node, script string) string {
	t.Helper()
	out, err := n.Must(t.Context(), "sh", "-c", script)
	check(t, err)
	return out
}

func put(t *testing.T, n *lab.Node, name, content string) {
	t.Helper()
	check(t, n.Put(t.Context(), name, []byte(content), 0o644))
}

func wantPing(t *testing.T, from, to *lab.Node, want bool) {
	t.Helper()
	limit := "-W1" // for its only packet
	if want {
		limit = "-w20" // one packet a second until the first answer: a link that comes up forwards a little later
	}
	res, err := from.Run(t.Context(), "ping", "-c1", limit, to.Addr)
	check(t, err)
	if got := res.Code == 0; got != want {
		t.Errorf("%s reaches %s: %v, want %v\n%s", from.Name, to.Name, got, want, strings.TrimSpace(res.Stdout))
	}
}

func wantEqual[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
