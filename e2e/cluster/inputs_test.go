package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

// grep checks that what a command prints on a node holds all of texts.
func (c *cluster) grep(n *lab.Node, line string, texts ...string) {
	c.t.Helper()
	out := c.sh(n, line)
	for _, text := range texts {
		if !strings.Contains(out, text) {
			c.t.Errorf("%s: %s: want %q in\n%s", n.Name, line, text, out)
		}
	}
}

// TestReplica: named nodes in place of a group, options, no client mount. A layout that does not fit is told before anything is made, and a
// replica of all nodes grows with them.
func TestReplica(t *testing.T) {
	wholeOnly(t, "replicas and options of volumes")
	replica := func(nodes, copies, timeout string) string {
		return fmt.Sprintf(`
			type           = "replica"
			nodes          = [%s]
			copies         = %s
			volume_options = { "network.ping-timeout" = "%s", "auth.allow" = "10.77.*" }
			client_mount   = null
		`, nodes, copies, timeout)
	}
	const two, three = `"node02", "node01"`, `"node01", "node02", "node03"`
	c := newCluster(t, 3, replica(two, "3", "7"))
	first := c.nodes[:2]
	if said := c.ends(c.start(first, 0), 6); strings.Count(said, "replica of 3: 2 nodes are no multiple of that") != 2 {
		t.Errorf("two nodes for three copies:\n%s", said)
	}
	if res, err := first[0].Run(t.Context(), "gluster", "volume", "info", "vol01"); err != nil || res.Code == 0 {
		t.Errorf("a volume was made: %s %v", res.Stdout, err)
	}

	c.inputs(replica(two, "2", "7"))
	c.ends(c.start(first, 0), 2)
	c.grep(first[1], "gluster volume info vol01", "Type: Replicate", "Number of Bricks: 1 x 2 = 2", "Status: Started", "network.ping-timeout: 7", "auth.allow: 10.77.*")
	c.ends(c.start(first, 0), 0)
	if got := c.sh(first[0], "grep fuse.glusterfs /proc/mounts || true"); got != "" {
		t.Errorf("the volume is mounted: %s", got)
	}

	c.inputs(replica(three, "null", "9"))
	c.ends(c.start(c.nodes, 0), 2)
	c.grep(c.nodes[2], "gluster volume info vol01", "Number of Bricks: 1 x 3 = 3", "network.ping-timeout: 9")
	c.sh(c.nodes[2], "mount -t glusterfs localhost:/vol01 /mnt && echo kept > /mnt/file")
	for _, n := range c.nodes {
		if got := c.sh(n, "cat /data/brick01/file"); got != "kept" {
			t.Errorf("%s: the copy of the file is %q", n.Name, got)
		}
	}
	c.ends(c.start(c.nodes, 0), 0)
}

// TestDisperse: packages from a repository of one's own, a packet filter, and a dispersed volume that is written to with a node away.
func TestDisperse(t *testing.T) {
	wholeOnly(t, "dispersed volumes, repository and firewall")
	c := newCluster(t, 3, "", "fdisk") // without GlusterFS
	ctx := t.Context()
	base, err := image.Base(ctx)
	c.check(err)
	debs, err := image.Download(ctx, base, "glusterfs-server", "glusterfs-client", "nftables")
	c.check(err)
	r, err := c.lab.AptRepo(ctx, debs...)
	c.check(err)
	key, err := json.Marshal(r.Key)
	c.check(err)
	c.inputs(usual + fmt.Sprintf(`
		type       = "disperse"
		repository = { uris = ["%s"], suites = ["stable"], components = ["main"], signed_by = %s }
		firewall   = { allow = ["%s", "%s", "%s", "fd77::/64"] }
	`, r.URL, key, c.nodes[0].Addr, c.nodes[1].Addr, c.nodes[2].Addr))
	c.ends(c.start(c.nodes, 3), 2)
	c.grep(c.nodes[0], "gluster volume info vol01", "Type: Disperse", "Number of Bricks: 1 x (2 + 1) = 3")
	c.holds(c.nodes)
	c.again()

	reaches := func(n *lab.Node, want bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		conn, err := c.lab.Dial(ctx, "tcp", n.Addr+":24007")
		if err == nil {
			conn.Close()
		}
		if (err == nil) != want {
			t.Errorf("%s: a stranger reaches glusterd: want %v, got %v", n.Name, want, err)
		}
	}
	reaches(c.nodes[1], false)
	c.sh(c.nodes[1], "systemctl stop glusterfs-firewall") // what the filter's absence would look like
	reaches(c.nodes[1], true)
	c.ends(c.start(c.nodes[1:2], 3), 2)
	reaches(c.nodes[1], false)

	c.check(c.nodes[2].Kill(ctx))
	c.sh(c.nodes[0], "timeout 120 sh -c 'echo kept > /shared/file'")
	if got := c.sh(c.nodes[1], "timeout 120 cat /shared/file"); got != "kept" {
		t.Errorf("with a node away the file is %q", got)
	}
}
