package lab

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/e2e/lab/internal/process"
)

// listen listens on the lab's network, see net.Listen; address is like "10.77.0.1:8080".
func (l *Lab) listen(network, address string) (ln net.Listener, err error) {
	err = process.Enter(l.keeper.Pid, unix.CLONE_NEWNET, func() (err error) {
		ln, err = net.Listen(network, address)
		return err
	})
	return ln, err
}

// Dial connects from the test to a node, see net.Dialer; address is an IP address and a port. Its signature is that of
// http.Transport.DialContext.
func (l *Lab) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = process.Enter(l.keeper.Pid, unix.CLONE_NEWNET, func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Command returns a command of this machine that runs on the lab's network, with this machine's files.
func (l *Lab) Command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(l.keeper.Pid), "-n", "--"}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Cut drops every packet between the nodes in a and the nodes in b, in both directions, until Heal. Links stay up.
func (l *Lab) Cut(ctx context.Context, a, b []*Node) error {
	var rules []string
	for _, x := range a {
		for _, y := range b {
			rules = append(rules,
				fmt.Sprintf("add rule bridge lab forward iifname %s oifname %s drop", x.link, y.link),
				fmt.Sprintf("add rule bridge lab forward iifname %s oifname %s drop", y.link, x.link))
		}
	}
	return l.inside(ctx, "nft", strings.Join(rules, "; "))
}

// Heal takes back every Cut.
func (l *Lab) Heal(ctx context.Context) error {
	return l.inside(ctx, "nft", "flush chain bridge lab forward")
}

// inside runs a short command in all namespaces of the lab.
func (l *Lab) inside(ctx context.Context, argv ...string) error {
	if err := l.keeper.Run(ctx, argv...); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}
