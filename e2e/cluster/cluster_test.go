package cluster

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

// whole says that everything is tried, not a sample.
var whole = os.Getenv("APPLY_E2E") == "whole"

// wholeOnly skips what a sample leaves out.
func wholeOnly(t *testing.T, what string) {
	t.Helper()
	if !whole {
		t.Skipf("left out without APPLY_E2E=whole, which makes this half an hour: %s", what)
	}
}

// runTimeout bounds a run of apply, and eventTimeout what a test waits for in the middle of one: two cores may carry five nodes.
const (
	runTimeout   = 5 * time.Minute
	eventTimeout = 3 * time.Minute
)

// cluster is a number of nodes that build one GlusterFS volume by themselves, and an exchange on the first of them.
type cluster struct {
	t     *testing.T
	lab   *lab.Lab
	nodes []*lab.Node
}

// manifest is what every node runs. $1 are inputs of the module.
const manifest = `
variable "min" {
  default = 2
}
variable "nodes" {}
module "hosts" {
  source = "etchosts"
  nodes  = jsondecode(var.nodes)
}
module "gluster" {
  source  = "glusterfs"
  device  = "/dev/xvdj"
  require = [module.hosts]
  %s
}
output "bricks" {
  value = module.gluster.bricks
}
`

// usual are the inputs of a volume that is mounted on all nodes.
const usual = `
  min          = var.min
  client_mount = "/shared"
`

// newCluster boots nodes node01, node02, ... with an empty disk each, all of them let into the exchange. With packages they are in the image,
// else GlusterFS is.
func newCluster(t *testing.T, n int, inputs string, packages ...string) *cluster {
	t.Helper()
	if packages == nil {
		packages = []string{"glusterfs-server", "glusterfs-client"}
	}
	c := boot(t, n, 512<<20, packages...)
	c.inputs(inputs)
	c.enroll()
	return c
}

// boot boots nodes with apply, packages and an empty disk each, of so many bytes.
func boot(t *testing.T, n int, disk int64, packages ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, lab: lab.New(t)}
	base, err := image.With(t.Context(), packages...)
	c.check(err)
	var specs []lab.Spec
	for i := range n {
		specs = append(specs, lab.Spec{Name: fmt.Sprintf("node%02d", i+1), Image: base, Disks: []int64{disk}})
	}
	c.nodes, err = c.lab.Boot(t.Context(), specs...)
	c.check(err)
	binary := lab.Binary(t)
	for _, node := range c.nodes {
		c.check(node.CopyBinary(t.Context(), binary))
	}
	return c
}

// inputs writes the manifest on all nodes.
func (c *cluster) inputs(inputs string) {
	c.t.Helper()
	c.put("/srv/main.hcl", fmt.Sprintf(manifest, inputs), 0o644)
}

// put writes a file on all nodes.
func (c *cluster) put(name, text string, mode os.FileMode) {
	c.t.Helper()
	for _, node := range c.nodes {
		c.check(node.Put(c.t.Context(), name, []byte(text), mode))
	}
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

// check ends the test where something could not be done to a node.
func (c *cluster) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// until asks again and again until a command on a node succeeds: what happens in the middle of a run makes no event outside of it.
func (c *cluster) until(n *lab.Node, line string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), eventTimeout)
	defer cancel()
	ask := time.NewTicker(100 * time.Millisecond)
	defer ask.Stop()
	for {
		res, err := n.Run(ctx, "sh", "-c", line)
		if err != nil {
			c.t.Fatalf("%s: %s: %v", n.Name, line, err)
		}
		if res.Code == 0 {
			return
		}
		<-ask.C
	}
}

// ongoing is a run of apply that goes on.
type ongoing struct {
	node    *lab.Node
	process *lab.Process
}

// start runs apply on nodes, all at the same time, until so many are there at least.
func (c *cluster) start(nodes []*lab.Node, least int) []ongoing {
	c.t.Helper()
	var entries []string
	for _, n := range c.nodes {
		entries = append(entries, fmt.Sprintf("%q:%q", n.Name, n.Addr))
	}
	return c.apply(nodes, "--group", "gluster", "--parallel", "4", "--var", fmt.Sprintf("min=%d", least), "--var", "nodes={"+strings.Join(entries, ",")+"}")
}

// apply starts apply with these flags on nodes, all at the same time.
func (c *cluster) apply(nodes []*lab.Node, flags ...string) []ongoing {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), runTimeout)
	c.t.Cleanup(cancel)
	args := append([]string{"/usr/local/bin/apply", "--detailed-exitcode", "--exchange", "https://" + c.nodes[0].Addr + ":7654", "/srv/main.hcl"}, flags...)
	var out []ongoing
	for _, n := range nodes {
		p, err := n.Start(ctx, args...)
		c.check(err)
		out = append(out, ongoing{n, p})
	}
	return out
}

// says waits until runs have printed a text.
func (c *cluster) says(text string, runs ...ongoing) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), eventTimeout)
	defer cancel()
	for _, r := range runs {
		if err := r.process.Await(ctx, text); err != nil {
			c.t.Fatalf("%s: %v", r.node.Name, err)
		}
	}
}

// ends waits for the runs and compares their exit codes; it returns what they printed.
func (c *cluster) ends(runs []ongoing, want int) string {
	c.t.Helper()
	var all, wrong strings.Builder
	for _, r := range runs {
		res, err := r.process.Wait()
		if err != nil || res.Code != want {
			fmt.Fprintf(&wrong, "%s: want exit code %d, got %d %v\n%s%s\n", r.node.Name, want, res.Code, err, res.Stdout, res.Stderr)
		}
		all.WriteString(res.Stdout)
	}
	if wrong.Len() > 0 {
		c.t.Fatal(wrong.String())
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

// again checks that runs on all nodes change nothing.
func (c *cluster) again() {
	c.t.Helper()
	c.ends(c.start(c.nodes, len(c.nodes)), 0)
}
