package cluster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nodeapply/apply/e2e/lab"
)

// TestGrows: nodes build a volume by themselves, and one that comes later joins it; in the whole variant a volume of three takes a fourth.
func TestGrows(t *testing.T) {
	t.Parallel()
	n := 3
	if whole {
		n = 4
	}
	c := newCluster(t, n, usual)
	first, last := c.nodes[:n-1], c.nodes[n-1]
	c.ends(c.start(first, n-1), 2)
	c.holds(first)
	c.ends(c.start(first, n-1), 0)

	// another node, whose disk carries something: it is not touched, and the others are told
	c.sh(last, "mkswap -q /dev/xvdj || mkswap /dev/xvdj")
	told := c.start(first, n)
	failed := c.ends(c.start(c.nodes[n-1:], n), 6)
	if !strings.Contains(failed, "carries a signature") {
		t.Errorf("a disk that carries a signature: %s", failed)
	}
	all := c.ends(told, 4)
	if want := last.Name + ": failed: module.gluster.exec.mkfs"; !strings.Contains(all, want) {
		t.Errorf("want %q in what the waiting nodes say:\n%s", want, all)
	}
	if got := c.sh(last, "blkid -s TYPE -o value /dev/xvdj"); got != "swap" {
		t.Errorf("the disk was touched: %q", got)
	}

	// with a clean disk it joins the volume that is there
	c.sh(last, "wipefs -qa /dev/xvdj")
	c.ends(c.start(c.nodes, n), 2)
	c.holds(c.nodes)
	c.again()
}

// TestAtOnce: three nodes, and five, run at the same time.
func TestAtOnce(t *testing.T) {
	wholeOnly(t, "three and five nodes at once (TestGrows has two)")
	for _, n := range []int{3, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := newCluster(t, n, usual)
			c.ends(c.start(c.nodes, n), 2)
			c.holds(c.nodes)
			c.again()
		})
	}
}

// TestBrokenDisk: mkfs itself fails on one node. The others say so long before their time is over, and all end well once the disk is whole.
func TestBrokenDisk(t *testing.T) {
	wholeOnly(t, "a disk that mkfs cannot write (TestGrows has one that it may not)")
	c := newCluster(t, 3, usual)
	bad := c.nodes[1]
	others := c.start([]*lab.Node{c.nodes[0], c.nodes[2]}, 3)
	c.says("waiting for glusterup: 2 of 3", others...)
	c.sh(bad, "blockdev --setro /dev/xvdj")
	broken := c.start(c.nodes[1:2], 3)
	all := c.ends(others, 6)
	if strings.Contains(all, "timed out") {
		t.Errorf("the others were not told:\n%s", all)
	}
	if want := bad.Name + ": failed: module.gluster.exec.mkfs"; strings.Count(all, want) < 2 {
		t.Errorf("want %q in what each of the waiting nodes says:\n%s", want, all)
	}
	c.ends(broken, 6)
	c.sh(bad, "blockdev --setrw /dev/xvdj")
	c.ends(c.start(c.nodes, 3), 2)
	c.holds(c.nodes)
	c.again()
}
