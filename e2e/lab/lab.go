// Package lab boots real nodes on one machine: systemd as process 1, an own host name, address and disks, on a network that only
// they and the test can reach. A node boots in about a second, so each test takes fresh ones.
//
// Everything of a lab lives in namespaces whose first process, the keeper, ends when the test process does, in whatever way: the
// kernel then kills the nodes and takes down their mounts, networks, loop devices and files, which are all on a tmpfs. A process
// that watches the keeper removes what little remains. Only the images stay, in the cache (see package image). All names, addresses and disks are private to a lab; labs run side by side.
//
// Addresses are 10.77.0.0/24: the test itself is 10.77.0.1, nodes follow in the order they are made. There is no way out.
package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nodeapply/apply/e2e/lab/internal/cgroup"
	"github.com/nodeapply/apply/e2e/lab/internal/process"
)

// Addr is the address of the test process in every lab.
const Addr = "10.77.0.1"

// closeTimeout bounds the end of a lab, which is the kernel killing processes.
const closeTimeout = 30 * time.Second

// Lab is a network and its nodes. Its methods may be called from several goroutines.
type Lab struct {
	keeper   *exec.Cmd
	lifeline io.Closer // the keeper lives until this is closed
	ended    chan struct{}
	pid      int    // first process of the lab's namespaces, as this process sees it
	dir      string // the lab's tmpfs, as this process sees it
	tmp      string // files that commands of this machine need, on disk
	cgroup   string

	mu      sync.Mutex
	nodes   []*Node
	servers []*http.Server
	serving sync.WaitGroup
}

// keeperScript stays outside of the lab's process namespace to remove what the kernel does not: temporary files and cgroups.
// $1 is the script of the first process inside, $2 the lab's address, $3 its temporary folder, $4 and on its cgroups.
const keeperScript = `
unshare --mount --net --pid --fork --kill-child --mount-proc -- sh -ec "$1" inside "$2" 3<&0
rm -rf "$3"
shift 3
echo 1 > "$1/cgroup.kill"
for cgroup; do
	for try in $(seq 100); do
		[ -d "$cgroup" ] || break
		find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null
		[ -d "$cgroup" ] && sleep 0.1
	done
done
`

// insideScript makes the network and then waits for the end of its input: the end of the process that made the lab. It lets no
// packet out, and says so to the sender at once, where silence would make every accidental look-up a long wait.
const insideScript = `
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lab
ip link set lo up
ip link add lab0 type bridge
ip addr add "$1/24" dev lab0
ip link set lab0 up
ip route add unreachable default
echo 1 > /proc/sys/net/ipv4/ip_forward
nft 'add table bridge lab; add chain bridge lab forward { type filter hook forward priority 0; }'
echo ready
cat <&3 >/dev/null &
wait
`

// Open makes an empty lab. It needs root; see Require.
func Open(ctx context.Context) (*Lab, error) {
	if err := Clean(); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	name, err := owned()
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	group, groups1, err := cgroup.New(name)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	l := &Lab{cgroup: group, tmp: filepath.Join(runDir(), filepath.Base(group)), ended: make(chan struct{})}
	if err := os.MkdirAll(l.tmp, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	l.keeper = exec.Command("sh", "-c", keeperScript, "keeper", insideScript, Addr, l.tmp, group)
	l.keeper.Args = append(l.keeper.Args, groups1...)
	l.keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt at the terminal must not reach it
	stderr := new(strings.Builder)
	l.keeper.Stderr = stderr
	lifeline, err := l.keeper.StdinPipe()
	if err != nil {
		return nil, err
	}
	l.lifeline = lifeline
	ready, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	l.keeper.Stdout = out
	err = l.keeper.Start()
	out.Close()
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	go func() {
		defer close(l.ended)
		l.keeper.Wait() // its exit code says nothing: it is killed when the lab ends
	}()
	stop := context.AfterFunc(ctx, func() { lifeline.Close() })
	line, err := bufio.NewReader(ready).ReadString('\n')
	if !stop() || err != nil {
		err = errors.Join(err, context.Cause(ctx), l.Close())
		return nil, fmt.Errorf("lab: %w: %s%s", err, line, stderr)
	}
	if l.pid, err = process.Descendant(l.keeper.Process.Pid, 2); err != nil { // keeper, unshare, the first process inside
		return nil, errors.Join(fmt.Errorf("lab: %w", err), l.Close())
	}
	l.dir = fmt.Sprintf("/proc/%d/root/run/lab", l.pid)
	return l, nil
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
	l.lifeline.Close() // closed before by an earlier Close or a canceled Open
	select {
	case <-l.ended:
	case <-time.After(closeTimeout):
		errs = append(errs, fmt.Errorf("lab: keeper %d still runs after %s", l.keeper.Process.Pid, closeTimeout))
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
