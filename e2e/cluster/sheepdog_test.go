package cluster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sheepdogManifest = `
module "sheepdog" {
  source   = "sheepdog"
  store    = "/srv/sheep"
  device   = "/dev/xvdj"
  min      = 3
  binaries = "/opt/sheepdog"
}
output "quorate" {
  value = module.sheepdog.quorate
}
`

// Stand-ins for the programs of sheepdog, which Debian has not: they record how they are called. Corosync is the real one, and whom dog
// lists are the nodes that corosync sees.
const (
	standInSheep = `#!/bin/sh
echo "$@" >> /srv/sheep.calls
exec sleep infinity
`
	standInDog = `#!/bin/sh
case "$1 $2" in
"node list") corosync-quorumtool -l | awk '$1 ~ /^[0-9]+$/ { print $1, $3 ":7000", "128", "1" }' ;;
"cluster info") test -e /srv/formatted && echo "Cluster status: running" || echo "Cluster status: Waiting for cluster to be formatted" ;;
"cluster format") echo "$@" >> /srv/dog.calls && touch /srv/formatted ;;
*) exit 1 ;;
esac
`
)

// TestSheepdog: three nodes find each other, corosync has a quorum of three, and what sheepdog needs is there: attributes on the store's file
// system, sheep as a unit behind corosync, the cluster formatted once, by one node.
func TestSheepdog(t *testing.T) {
	t.Parallel()
	c := boot(t, 3, 64<<20, "corosync", "attr")
	c.put("/srv/main.hcl", sheepdogManifest, 0o644)
	c.enroll()
	run := func() []ongoing { return c.apply(c.nodes, "--group", "sheepdog") }

	// without the programs: corosync comes up all the same, and what is missing is said
	out := c.ends(run(), 6)
	if want := "sheep, and dog or collie, are not there"; strings.Count(out, want) != 3 || !strings.Contains(out, "binaries") {
		t.Errorf("want %q of each node:\n%s", want, out)
	}
	for _, n := range c.nodes {
		if diff := cmp.Diff("Nodes: 3\nQuorate: Yes", c.sh(n, "corosync-quorumtool -s | grep -E '^(Nodes|Quorate):' | tr -s ' '")); diff != "" {
			t.Errorf("%s: %s", n.Name, diff)
		}
	}

	c.put("/opt/sheepdog/sheep", standInSheep, 0o755)
	c.put("/opt/sheepdog/dog", standInDog, 0o755)
	out = c.ends(run(), 2)
	if strings.Count(out, "quorate = true") != 3 {
		t.Errorf("want quorate on each node:\n%s", out)
	}
	for _, n := range c.nodes {
		want := "-f -c corosync -p 7000 -y " + n.Addr + " /srv/sheep"
		if diff := cmp.Diff(want, c.sh(n, "cat /srv/sheep.calls")); diff != "" {
			t.Errorf("%s: how sheep is called: %s", n.Name, diff)
		}
		c.sh(n, "systemctl is-active sheepdog && setfattr -n user.test -v 1 /srv/sheep && findmnt -no FSTYPE /srv/sheep | grep -qx ext4")
	}
	calls := c.sh(c.nodes[0], "cat /srv/dog.calls")
	for _, n := range c.nodes[1:] {
		calls += c.sh(n, "cat /srv/dog.calls 2>/dev/null || true")
	}
	if diff := cmp.Diff("cluster format --copies=3 -p 7000", calls); diff != "" {
		t.Errorf("the format: %s", diff)
	}
	c.ends(run(), 0)
}
