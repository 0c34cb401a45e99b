package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

// cluster is a number of nodes that build one GlusterFS volume by themselves, and an exchange on the first of them.
type cluster struct {
	t     *testing.T
	lab   *lab.Lab
	nodes []*lab.Node
}

const clusterManifest = `
variable "min" {
  default = 2
}
variable "nodes" {}
module "hosts" {
  source = "etchosts"
  nodes  = jsondecode(var.nodes)
}
module "gluster" {
  source       = "glusterfs"
  device       = "/dev/xvdj"
  min          = var.min
  client_mount = "/shared"
  require      = [module.hosts]
}
output "bricks" {
  value = module.gluster.bricks
}
`

// newCluster boots nodes node01, node02, ... with an empty disk each, all of them let into the exchange.
func newCluster(t *testing.T, n int) *cluster {
	t.Helper()
	l := lab.New(t)
	ctx := t.Context()
	base, err := image.With(ctx, "glusterfs-server", "glusterfs-client")
	if err != nil {
		t.Fatal(err)
	}
	var specs []lab.Spec
	for i := range n {
		specs = append(specs, lab.Spec{Name: fmt.Sprintf("node%02d", i+1), Image: base, Disks: []int64{512 << 20}})
	}
	c := &cluster{t: t, lab: l}
	if c.nodes, err = l.Boot(ctx, specs...); err != nil {
		t.Fatal(err)
	}
	binary := lab.Binary(t)
	for _, node := range c.nodes {
		if err := node.CopyBinary(ctx, binary); err != nil {
			t.Fatal(err)
		}
		if err := node.Put(ctx, "/srv/main.hcl", []byte(clusterManifest), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.enroll()
	return c
}

// enroll starts the exchange on node01 and gives every node its credentials.
func (c *cluster) enroll() {
	c.t.Helper()
	ctx := c.t.Context()
	for _, node := range c.nodes {
		out := "/root/" + node.Name
		c.sh(c.nodes[0], "apply exchange enroll "+node.Name+" --out "+out)
		for _, name := range []string{"ca.pem", "node.pem", "node.key"} {
			text, err := c.nodes[0].Get(ctx, filepath.Join(out, name))
			if err != nil {
				c.t.Fatal(err)
			}
			if err := node.Put(ctx, "/etc/apply/exchange/"+name, []byte(text), 0o600); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	c.sh(c.nodes[0], "apply exchange unit > /etc/systemd/system/apply-exchange.service && systemctl daemon-reload && systemctl enable --now apply-exchange")
}

func (c *cluster) sh(n *lab.Node, line string) string {
	c.t.Helper()
	out, err := n.Must(c.t.Context(), "sh", "-c", line)
	if err != nil {
		c.t.Fatalf("%s: %s: %v", n.Name, line, err)
	}
	return strings.TrimSpace(out)
}

// ongoing is a run of apply that goes on.
type ongoing struct {
	node    *lab.Node
	process *lab.Process
}

// start runs apply on nodes, all at the same time.
func (c *cluster) start(nodes []*lab.Node, least int) []ongoing {
	c.t.Helper()
	var entries []string
	for _, n := range c.nodes {
		entries = append(entries, fmt.Sprintf("%q:%q", n.Name, n.Addr))
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Minute)
	c.t.Cleanup(cancel)
	var out []ongoing
	for _, n := range nodes {
		p, err := n.Start(ctx, "/usr/local/bin/apply", "--detailed-exitcode", "--exchange", "https://"+c.nodes[0].Addr+":7654", "--group", "gluster",
			"--parallel", "4", "--var", fmt.Sprintf("min=%d", least), "--var", "nodes={"+strings.Join(entries, ",")+"}", "/srv/main.hcl")
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, ongoing{n, p})
	}
	return out
}

// ends waits for the runs and compares their exit codes; it returns what they printed.
func (c *cluster) ends(runs []ongoing, want int) string {
	c.t.Helper()
	var all strings.Builder
	for _, r := range runs {
		res, err := r.process.Wait()
		if err != nil {
			c.t.Fatalf("%s: %v\n%s%s", r.node.Name, err, res.Stdout, res.Stderr)
		}
		if res.Code != want {
			c.t.Fatalf("%s: want exit code %d, got %d\n%s%s", r.node.Name, want, res.Code, res.Stdout, res.Stderr)
		}
		all.WriteString(res.Stdout)
	}
	return all.String()
}

// holds checks that all nodes have one volume of so many bricks mounted, and see each other's files in it.
func (c *cluster) holds(nodes []*lab.Node) {
	c.t.Helper()
	var names []string
	for _, n := range nodes {
		c.sh(n, "echo "+n.Name+" > /shared/"+n.Name)
		names = append(names, n.Name)
	}
	for _, n := range nodes {
		if diff := cmp.Diff(strings.Join(names, "\n"), c.sh(n, "cat /shared/node*")); diff != "" {
			c.t.Errorf("%s: the files of the volume: %s", n.Name, diff)
		}
		if got := c.sh(n, "findmnt -no FSTYPE /shared"); got != "fuse.glusterfs" {
			c.t.Errorf("%s: /shared is %s", n.Name, got)
		}
	}
	if got := c.sh(nodes[0], "gluster volume info vol01 | grep -c '^Brick[0-9]'"); got != fmt.Sprint(len(nodes)) {
		c.t.Errorf("want %d bricks, got %s", len(nodes), got)
	}
}

// TestCluster: two nodes, or four with APPLY_E2E=whole, build a volume by themselves; one that comes later joins it.
func TestCluster(t *testing.T) {
	t.Parallel()
	n := 3
	if os.Getenv("APPLY_E2E") == "whole" {
		n = 5
	}
	c := newCluster(t, n)
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
	c.ends(c.start(c.nodes, n), 0)
}
