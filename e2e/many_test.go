package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	program "github.com/nodeapply/apply"
	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
	rp "github.com/nodeapply/apply/e2e/lab/repo"
	"github.com/nodeapply/apply/engine"
)

// TestManyPackagesInOneTransaction lets a run install twenty packages, each a resource of its own: apt is called once for all.
func TestManyPackagesInOneTransaction(t *testing.T) {
	lab.Require(t)
	n := newTree(t, image.Base)
	key, err := rp.NewKey(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const many = 20
	var packages []rp.Package
	for i := range many {
		packages = append(packages, rp.Package{Name: fmt.Sprintf("many%d", i), Version: "1"})
	}
	n.debs(t, key, "many", packages...)
	manifest := filepath.Join(t.TempDir(), "main.hcl")
	text := fmt.Sprintf(`
repo "many" {
  uris       = ["file:/srv/many"]
  suites     = ["stable"]
  components = ["main"]
  signed_by  = %q
}
package "each" {
  for_each = toset([for i in range(%d) : "many${i}"])
  name     = each.key
}
`, key.Armored, many)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	transactions := func() int {
		return number(t, n.in(t, "touch /var/log/apt/history.log; grep -c ^Start-Date: /var/log/apt/history.log || :"))
	}
	before := transactions()
	m, err := program.Load(t.Context(), manifest, program.Options{Host: n.Node})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := m.Converge(t.Context(), engine.Options{Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	if c := rep.Counts(); c.Changed != many+1 {
		t.Errorf("want %d changed, got %+v", many+1, c)
	}
	if got := transactions() - before; got != 1 {
		t.Errorf("%d transactions, want 1", got)
	}
}

// TestManyStatesWithoutProcesses lets a run that has nothing to do look at a thousand packages and five hundred units: it starts no process for each.
// What it starts is counted by the numbers that a namespace of its own gives to processes and threads.
func TestManyStatesWithoutProcesses(t *testing.T) {
	const packages, units = 1000, 500
	n := serviceNode(t)
	must(t, n, fmt.Sprintf(`
for i in $(seq %d); do
	printf 'Package: fake%%d\nStatus: install ok installed\nPriority: optional\nSection: misc\nMaintainer: none\nArchitecture: all\nVersion: 1\nDescription: none\n\n' $i
done >> /var/lib/dpkg/status
for i in $(seq %d); do
	printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/fake$i.service
done
systemctl daemon-reload`, packages, units))
	manifest := fmt.Sprintf(`
package "each" {
  for_each = toset([for i in range(%d) : "fake${i + 1}"])
  name     = each.key
}
service "each" {
  for_each = toset([for i in range(%d) : "fake${i + 1}"])
  name     = each.key
  ensure   = "stopped"
  enable   = false
}
`, packages, units)
	if err := n.Put(t.Context(), "/root/many.hcl", []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	started := func(line string) int {
		t.Helper()
		out := must(t, n, "unshare --pid --fork --kill-child sh -ec '"+line+" >/root/out; cat /proc/sys/kernel/ns_last_pid'")
		return number(t, strings.TrimSpace(out))
	}
	const most = 60 // threads, mostly
	if got := started("apply /root/many.hcl"); got > most {
		t.Errorf("%d processes and threads, want at most %d", got, most)
	}
	if out := must(t, n, "cat /root/out"); !strings.Contains(out, fmt.Sprintf("%d unchanged", packages+units)) {
		t.Errorf("the run had something to do:\n%s", out)
	}
	if got := started(fmt.Sprintf("for i in $(seq %d); do /bin/true; done", most)); got <= most {
		t.Errorf("%d processes were counted where %d were started", got, most)
	}
}
