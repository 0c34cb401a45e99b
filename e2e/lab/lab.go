// Package lab boots real nodes on one machine: systemd as process 1, an own host name, address and disks, on a network that only
// they and the test can reach. A node boots in about a second, so each test takes fresh ones.
//
// Everything of a lab lives in namespaces that end when the test process does, in whatever way, and takes its mounts, networks, loop devices and
// files with it, which are all on a tmpfs. Only the images stay, in the cache (see package image). All names, addresses and disks are private to
// a lab; labs run side by side.
//
// Addresses are 10.77.0.0/24: the test itself is 10.77.0.1, nodes follow in the order they are made. There is no way out.
package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nodeapply/apply/e2e/lab/image"
	"github.com/nodeapply/apply/e2e/lab/internal/cgroup"
	"github.com/nodeapply/apply/e2e/lab/internal/keeper"
)

// Addr is the address of the test process in every lab.
const Addr = "10.77.0.1"

// Lab is a network and its nodes. Its methods may be called from several goroutines.
type Lab struct {
	keeper *keeper.Keeper // of its namespaces

	mu      sync.Mutex
	nodes   []*Node
	servers []*http.Server
	serving sync.WaitGroup
}

// network makes the lab's network. It lets no packet out, and says so to the sender at once, where silence would make every accidental look-up a
// long wait.
const network = `
ip link set lo up
ip link add lab0 type bridge
ip addr add ` + Addr + `/24 dev lab0
ip link set lab0 up
ip route add unreachable default
echo 1 > /proc/sys/net/ipv4/ip_forward
nft 'add table bridge lab; add chain bridge lab forward { type filter hook forward priority 0; }'
`

// runs holds the temporary folders of labs.
func runs() string { return filepath.Join(image.Cache(), "run") }

// Clean removes what labs have left whose processes were all killed.
func Clean() error { return keeper.Clean(runs()) }

// Open makes an empty lab. It needs root; see Require.
func Open(ctx context.Context) (*Lab, error) {
	k, err := keeper.Open(ctx, runs(), network)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return &Lab{keeper: k}, nil
}

// Close ends the lab with all that is in it. It is safe to call twice.
func (l *Lab) Close() error {
	l.mu.Lock()
	nodes, servers := l.nodes, l.servers
	l.nodes, l.servers = nil, nil
	l.mu.Unlock()
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.Close())
	}
	l.serving.Wait()
	if err := l.keeper.Close(); err != nil {
		errs = append(errs, fmt.Errorf("lab: %w", err))
	}
	for _, n := range nodes {
		errs = append(errs, n.release())
	}
	return errors.Join(errs...)
}

// New opens a lab that is closed when the test ends. It skips the test where labs cannot be, see Require.
func New(t testing.TB) *Lab {
	t.Helper()
	Require(t)
	l, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// tools are the commands that a lab and its packages need, scripts/install.sh installs them.
var tools = []string{
	"mmdebstrap", "systemd-nspawn", "unshare", "nsenter", "ip", "nft", "apt-get", "apt-ftparchive", "dpkg-deb", "gpg",
	"rpmbuild", "rpmsign", "createrepo_c",
}

// Require skips the test unless it runs as root on a machine with all that labs need. With APPLY_LAB=require in the environment it
// fails the test instead.
func Require(t testing.TB) {
	t.Helper()
	var missing []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}
	if _, _, err := cgroup.Mounts(); err != nil {
		missing = append(missing, "cgroup2")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if len(missing) == 0 {
		return
	}
	why := fmt.Sprintf("no real nodes here: needs %s (scripts/install.sh, as root)", strings.Join(missing, ", "))
	if os.Getenv("APPLY_LAB") == "require" {
		t.Fatal(why)
	}
	t.Skip(why)
}
