package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/e2e/lab/image"
	"github.com/nodeapply/apply/e2e/lab/internal/loop"
	"github.com/nodeapply/apply/e2e/lab/internal/process"
)

// bootTimeout bounds a boot or a shutdown, which take a second on an idle machine.
const bootTimeout = 2 * time.Minute

// Spec says what a node has.
type Spec struct {
	Name  string      // its host name
	Image image.Image // what it boots from, the base image if it has no layers
	Disks []int64     // sizes in bytes of empty disks /dev/xvdj, /dev/xvdk, ...
}

// Node is a machine. It keeps its disks, its files and its address from boot to boot.
type Node struct {
	Name string
	Addr string // IPv4 address, on the interface eth0

	lab    *Lab
	link   string // the lab's end of its cable
	dir    string // overlay and console log, as this process sees it
	cgroup string
	disks  []*os.File

	// Of the current boot; changed by power calls only, which must not overlap.
	nspawn *exec.Cmd
	ended  chan struct{}
	init   int // process 1 of the node, as this process sees it
}

// Boot makes nodes and boots them, all at a time. Their addresses are in the order of specs.
func (l *Lab) Boot(ctx context.Context, specs ...Spec) ([]*Node, error) {
	nodes := make([]*Node, len(specs))
	for i, s := range specs {
		n, err := l.make(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", s.Name, err)
		}
		nodes[i] = n
	}
	boots, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		boots.Go(func() error { return n.Boot(ctx) })
	}
	return nodes, boots.Wait()
}

// makeScript lays out a node's root, and its network as a namespace that outlives its boots: the address is there before systemd
// is, as no service has to wait for it. A fresh machine-id must be written, an empty one makes systemd-firstboot fail.
// $1 is the name, $2 the address, $3 the link on the lab's side, $4 the lower layers.
const makeScript = `
cd "/run/lab/$1"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$4,upperdir=upper,workdir=work" root
echo "$1" > root/etc/hostname
printf '127.0.0.1\tlocalhost\n%s\t%s\n' "$2" "$1" > root/etc/hosts
tr -d - < /proc/sys/kernel/random/uuid > root/etc/machine-id
ip netns add "$1"
ip link add "$3" type veth peer name eth0 netns "$1"
ip link set "$3" master lab0 up
ip -n "$1" link set lo up
ip -n "$1" addr add "$2/24" brd + dev eth0
ip -n "$1" link set eth0 up
ip -n "$1" route add default via ` + Addr + `
`

func (l *Lab) make(ctx context.Context, s Spec) (*Node, error) {
	if s.Image.Layers == nil {
		var err error
		if s.Image, err = image.Base(ctx); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	number := len(l.nodes) + 2
	n := &Node{Name: s.Name, Addr: fmt.Sprintf("10.77.0.%d", number), link: fmt.Sprintf("link%d", number), lab: l}
	n.dir, n.cgroup = filepath.Join(l.keeper.Dir, n.Name), filepath.Join(l.keeper.Cgroup, n.Name)
	l.nodes = append(l.nodes, n)
	l.mu.Unlock()
	if err := os.Mkdir(n.dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(n.cgroup, 0o755); err != nil {
		return nil, err
	}
	for i, size := range s.Disks {
		disk, err := loop.New(filepath.Join(n.dir, fmt.Sprintf("disk%d", i)), size)
		if err != nil {
			return nil, fmt.Errorf("disk %d: %w", i, err)
		}
		n.disks = append(n.disks, disk)
	}
	return n, l.inside(ctx, "sh", "-ec", makeScript, "make", n.Name, n.Addr, n.link, strings.Join(s.Image.Layers, ":"))
}

// Boot starts a node that is off and waits until systemd says that it is up, degraded or not.
func (n *Node) Boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, fmt.Errorf("not up after %s", bootTimeout))
	defer cancel()
	args := []string{"--quiet", "--boot", "--directory=/run/lab/" + n.Name + "/root", "--machine=" + n.Name,
		"--register=no", "--keep-unit", "--network-namespace-path=/run/netns/" + n.Name, "--link-journal=no",
		"--capability=all", "--console=pipe", "--resolv-conf=off", "--timezone=off", "--bind=/dev/fuse"}
	for i, disk := range n.disks {
		args = append(args, fmt.Sprintf("--bind=%s:/dev/xvd%c", disk.Name(), 'j'+i))
	}
	if err := n.LinkUp(ctx); err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(n.dir, "console"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer console.Close()
	cgroup, err := os.Open(n.cgroup)
	if err != nil {
		return err
	}
	defer cgroup.Close()
	n.nspawn = exec.Command("systemd-nspawn", args...)
	n.nspawn.Stdout, n.nspawn.Stderr = console, console
	n.nspawn.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1") // cgroup2 alone, whatever this machine has beside it
	n.nspawn.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(cgroup.Fd())}
	if err := process.StartIn(n.lab.keeper.Pid, n.nspawn); err != nil {
		return err
	}
	n.ended = make(chan struct{})
	go func() {
		defer close(n.ended)
		n.nspawn.Wait() // a node's end is an event, its exit code says nothing
	}()
	if err := n.awaitUp(ctx); err != nil {
		log, _ := os.ReadFile(console.Name())
		return errors.Join(fmt.Errorf("node %s: boot: %w\n%s", n.Name, err, log[max(0, len(log)-4096):]), n.Kill(context.WithoutCancel(ctx)))
	}
	return nil
}

// awaitUp asks until the node is up: before D-Bus answers there is no event to wait for.
func (n *Node) awaitUp(ctx context.Context) error {
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.ended:
			return errors.New("systemd-nspawn ended")
		case <-poll.C:
		}
		init, err := process.Descendant(n.nspawn.Process.Pid, 1)
		if err != nil {
			continue
		}
		n.init = init
		res, err := n.Run(ctx, "systemctl", "is-system-running")
		if state := strings.TrimSpace(res.Stdout); err == nil && (state == "running" || state == "degraded") {
			return nil
		}
	}
}

// PowerOff shuts the node down in order and waits for its end.
func (n *Node) PowerOff(ctx context.Context) error { return n.shutDown(ctx, "poweroff") }

// Reboot shuts the node down in order and boots it again.
func (n *Node) Reboot(ctx context.Context) error {
	if err := n.shutDown(ctx, "reboot"); err != nil {
		return err
	}
	return n.Boot(ctx)
}

func (n *Node) shutDown(ctx context.Context, how string) error {
	if _, err := n.Must(ctx, "systemctl", "--no-block", how); err != nil {
		return err
	}
	return n.AwaitOff(ctx)
}

// AwaitOff waits for the end of a node that is shutting down.
func (n *Node) AwaitOff(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, fmt.Errorf("still up after %s", bootTimeout))
	defer cancel()
	select {
	case <-n.ended:
		return n.LinkDown(ctx) // its network namespace, which stays, would answer pings
	case <-ctx.Done():
		return fmt.Errorf("node %s: %w", n.Name, context.Cause(ctx))
	}
}

// Kill ends the node as a power cut does, seen from the other nodes: nothing more is sent, not even the end of its connections.
// What it had written is kept, be it synced or not.
func (n *Node) Kill(ctx context.Context) error {
	down := n.LinkDown(ctx)
	victim, err := process.Descendant(n.nspawn.Process.Pid, 1) // systemd, with which all in the node ends
	if err != nil {
		victim = n.nspawn.Process.Pid // the boot did not come that far
	}
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return errors.Join(down, fmt.Errorf("node %s: kill: %w", n.Name, err))
	}
	return errors.Join(down, n.AwaitOff(ctx))
}

// LinkDown takes the cable out.
func (n *Node) LinkDown(ctx context.Context) error {
	return n.lab.inside(ctx, "ip", "link", "set", n.link, "down")
}

// LinkUp puts the cable in.
func (n *Node) LinkUp(ctx context.Context) error {
	return n.lab.inside(ctx, "ip", "link", "set", n.link, "up")
}

// release gives back what a node holds in this process, after the kernel ended the node.
func (n *Node) release() error {
	var errs []error
	for _, disk := range n.disks {
		errs = append(errs, disk.Close())
	}
	if n.ended != nil {
		<-n.ended
	}
	return errors.Join(errs...)
}
