package cluster

import (
	"testing"

	"github.com/nodeapply/apply/e2e/lab"
)

// waiting is what a node says that waits for the third.
const waiting = "waiting for glusterup: 2 of 3"

// TestComesThrough: something happens to one node of three while they build a volume. The runs of the others end well by themselves, and so does
// the one that is begun again on a node that was booted.
func TestComesThrough(t *testing.T) {
	for _, f := range []struct {
		name    string
		happens func(c *cluster, one, two, three []*lab.Node) []ongoing // returns the runs that have to end well
		sample  bool
	}{
		{"a node is down at first", func(c *cluster, one, two, three []*lab.Node) []ongoing {
			c.check(three[0].PowerOff(c.t.Context()))
			runs := append(c.start(one, 3), c.start(two, 3)...)
			c.says(waiting, runs...)
			c.check(three[0].Boot(c.t.Context()))
			return append(runs, c.start(three, 3)...)
		}, false},
		{"a node that waits is rebooted", func(c *cluster, one, two, three []*lab.Node) []ongoing {
			runs, cut := c.start(one, 3), c.start(two, 3)
			c.says(waiting, append(cut, runs...)...)
			c.check(two[0].Reboot(c.t.Context()))
			return append(append(runs, c.start(two, 3)...), c.start(three, 3)...)
		}, false},
		{"the node of the exchange, which leads, is rebooted", func(c *cluster, one, two, three []*lab.Node) []ongoing {
			runs, cut := c.start(two, 3), c.start(one, 3)
			c.says(waiting, append(cut, runs...)...)
			c.check(one[0].Reboot(c.t.Context()))
			return append(append(runs, c.start(one, 3)...), c.start(three, 3)...)
		}, false},
		{"a node loses power with its disk half done", func(c *cluster, one, two, three []*lab.Node) []ongoing {
			runs := append(c.start(one, 3), c.start(three, 3)...)
			c.start(two, 3)
			c.until(two[0], "blkid -p /dev/xvdj")
			c.check(two[0].Kill(c.t.Context()))
			c.check(two[0].Boot(c.t.Context()))
			return append(runs, c.start(two, 3)...)
		}, true},
		{"the leader loses power while it makes the volume", func(c *cluster, one, two, three []*lab.Node) []ongoing {
			runs := append(c.start(two, 3), c.start(three, 3)...)
			c.start(one, 3)
			c.until(one[0], "gluster pool list | grep -c Connected | grep -q 3")
			c.check(one[0].Kill(c.t.Context()))
			c.check(one[0].Boot(c.t.Context()))
			return append(runs, c.start(one, 3)...)
		}, false},
		{"a node is cut off for longer than its lease", func(c *cluster, one, two, three []*lab.Node) []ongoing {
			runs := append(c.start(one, 3), c.start(two, 3)...)
			c.says(waiting, runs...)
			late := c.start(three, 3)
			c.until(three[0], "blkid -p /dev/xvdj")
			c.check(c.lab.Cut(c.t.Context(), three, append(one, two...)))
			c.says("node03: no run there", runs...)
			c.check(c.lab.Heal(c.t.Context()))
			return append(runs, late...)
		}, false},
		{"a node is cut off when it has said that it is up", func(c *cluster, one, two, three []*lab.Node) []ongoing {
			runs := append(c.start(two, 3), c.start(three, 3)...)
			c.says(waiting, runs...)
			c.check(three[0].LinkDown(c.t.Context()))
			first := c.start(one, 3)
			c.says("peer_probe[\"node03\"]: waiting to try again", first...)
			c.check(three[0].LinkUp(c.t.Context()))
			return append(runs, first...)
		}, false},
		{"the leader is cut off while it makes the volume", func(c *cluster, one, two, three []*lab.Node) []ongoing {
			runs := c.start(c.nodes, 3)
			c.until(one[0], "gluster pool list | grep -c Connected | grep -q 3")
			c.check(c.lab.Cut(c.t.Context(), one, append(two, three...)))
			c.until(one[0], "! timeout 30 gluster pool list | grep -w node02 | grep -q Connected")
			c.check(c.lab.Heal(c.t.Context()))
			return runs
		}, false},
	} {
		t.Run(f.name, func(t *testing.T) {
			if !f.sample {
				wholeOnly(t, f.name)
			}
			t.Parallel()
			c := newCluster(t, 3, usual)
			c.ends(f.happens(c, c.nodes[:1:1], c.nodes[1:2:2], c.nodes[2:3:3]), 2)
			c.holds(c.nodes)
			c.again()
		})
	}
}
