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

// TestInstalledAnew: the node that made the volume is installed anew under its name. Another acts then, says that the pool rejects it, and goes on once
// GlusterFS has been told who it is.
func TestInstalledAnew(t *testing.T) {
	wholeOnly(t, "a node that was installed anew")
	c := newCluster(t, 2, usual)
	c.ends(c.start(c.nodes, 2), 2)
	made, has := c.nodes[0], c.nodes[1]
	was := c.sh(has, "gluster pool list | grep -w node01 | cut -f1")
	c.sh(made, `umount /shared; systemctl disable --now glusterd; pkill gluster; umount /data; wipefs -qa /dev/xvdj
rm -rf /var/lib/glusterd/* /var/lib/apply/[!e]*; sed -i '/glusterfs\|xvdj/d' /etc/fstab; uuidgen | tr -d - > /etc/machine-id`)
	c.check(made.Reboot(t.Context()))
	runs := c.start(c.nodes[:1], 2)
	c.says("waiting for glusterup: 1 of 2", runs...)
	runs = append(runs, c.start(c.nodes[1:], 2)...)
	c.says("waiting for glustervolume", runs[0])
	c.until(has, "gluster peer status | grep -q Rejected")
	c.sh(made, "systemctl stop glusterd; sed -i 's/^UUID=.*/UUID="+was+"/' /var/lib/glusterd/glusterd.info; systemctl start glusterd")
	c.until(made, "gluster peer probe node02")
	for _, n := range c.nodes { // a restart before that leaves both waiting for each other for good
		c.until(n, "gluster peer status | grep -q 'Peer in Cluster (Connected)'")
	}
	c.sh(made, "systemctl restart glusterd")
	c.ends(runs, 2) // what becomes of its brick, which is empty, is GlusterFS's
}
