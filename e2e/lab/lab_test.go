package lab_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

func TestNodes(t *testing.T) {
	l := lab.New(t)
	nodes := bootAll(t, l, lab.Spec{Name: "one", Disks: []int64{64 << 20, 64 << 20}}, lab.Spec{Name: "two"})
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
	check(t, one.Kill(t.Context()))
	wantPing(t, two, one, false)
	check(t, one.Boot(t.Context()))
	wantEqual(t, "after a kill", "file\n", must(t, one, "cat /root/kept"))
	check(t, one.PowerOff(t.Context()))
}

// bootAll boots nodes of the base image, all at a time.
func bootAll(t *testing.T, l *lab.Lab, specs ...lab.Spec) []*lab.Node {
	t.Helper()
	img, err := image.Base(t.Context())
	check(t, err)
	nodes := make([]*lab.Node, len(specs))
	var g errgroup.Group
	for i, s := range specs {
		s.Image = img
		g.Go(func() (err error) {
			nodes[i], err = l.Boot(t.Context(), s)
			return err
		})
	}
	check(t, g.Wait())
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
	res, err := from.Run(t.Context(), "ping", "-c1", "-W1", to.Addr)
	check(t, err)
	if got := res.Code == 0; got != want {
		t.Errorf("%s reaches %s: %v, want %v\n%s", from.Name, to.Name, got, want, strings.TrimSpace(res.Stdout))
	}
}

func wantEqual(t *testing.T, what, want, got string) {
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
