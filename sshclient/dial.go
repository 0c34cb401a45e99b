// Package sshclient connects to hosts as the user's own ssh would, and speaks the protocol itself: to the host, port and user that ssh_config
// gives for a name, through the gateways that it names, with its keys, those of the agent and the usual ones.
//
// Host keys are checked strictly, whatever the configuration says: one that is in no known_hosts file, or is another one than there, is ErrHostKey.
package sshclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshclient/config"
	"github.com/nodeapply/apply/sshclient/internal/hostkeys"
	"github.com/nodeapply/apply/sshclient/internal/keyring"
)

// Target is a host to connect to. Empty values are filled from ssh_config.
type Target struct {
	Name    string // as ssh_config knows it
	Address string // HOST or HOST:PORT, if not reached by its name
	Port    int    // where Address has none
	User    string
	Gateway string // [USER@]HOST[:PORT] or the name of a Target, behind which it is
}

// Errors that Dial wraps.
var (
	ErrHostKey = hostkeys.ErrUntrusted
	ErrAuth    = errors.New("no key was accepted")
)

// TimeoutError says what a deadline was for.
type TimeoutError struct {
	After time.Duration
	What  string
}

// Error is "timed out after 10s: connect".
func (e *TimeoutError) Error() string { return fmt.Sprintf("timed out after %v: %s", e.After, e.What) }

// Timeout makes it a net.Error's.
func (e *TimeoutError) Timeout() bool { return true }

// Options say how hosts are reached.
type Options struct {
	User       string // where neither the target nor ssh_config names one
	UserGiven  bool   // by the operator: it counts more than ssh_config's
	Home       string // of the user: ~ and .ssh
	Agent      string // the agent's socket, "" for none; ssh_config may name another
	Identities []string
	KnownHosts []string // files, in place of ssh_config's
	Config     *config.Config
	Timeout    time.Duration // for a host to be connected and logged in; default 10 s
	// Known finds the target of a gateway that is known by its name; may be nil.
	Known func(name string) (Target, bool)
}

// Dialer connects to hosts. A gateway is one connection, with a channel for each host behind it. Close it.
type Dialer struct {
	o      Options
	config *config.Config
	keys   *keyring.Keyring
	hosts  *hostkeys.Files
	slots  chan struct{}

	mu       sync.Mutex
	gateways map[string]*gateway
	owned    sync.WaitGroup
	ctx      context.Context // of the gateways
	cancel   context.CancelFunc
}

// gateway is a connection that is shared by the hosts behind it.
type gateway struct {
	ready  chan struct{}
	client *ssh.Client // valid once ready
	err    error
}

// maxHandshakes is how many hosts are logged in to at a time.
const maxHandshakes = 256

// New returns a Dialer.
func New(o Options) *Dialer {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Config == nil {
		o.Config = &config.Config{Home: o.Home}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Dialer{
		o: o, config: o.Config, slots: make(chan struct{}, maxHandshakes), gateways: map[string]*gateway{}, ctx: ctx, cancel: cancel,
		keys: keyring.New(o.Home), hosts: hostkeys.NewFiles(),
	}
}

// Close ends the connections to gateways. Connections to hosts are closed before.
func (d *Dialer) Close() error {
	d.cancel()
	d.owned.Wait()
	return d.keys.Close()
}

// Gateway is what a host is behind: the target's, else ssh_config's; "" for nothing.
func (d *Dialer) Gateway(t Target) string {
	e, err := d.resolve(t)
	if err != nil {
		return t.Gateway
	}
	return e.via
}

// Dial connects to a host and logs in. Its time begins when its gateway is connected. What is done with the connection is not bound by ctx.
func (d *Dialer) Dial(ctx context.Context, t Target) (*ssh.Client, error) {
	e, err := d.resolve(t)
	if err != nil {
		return nil, err
	}
	connect, err := d.way(ctx, e)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.o.Timeout, &TimeoutError{d.o.Timeout, "connect"})
	defer cancel()
	for try := 0; ; try++ {
		client, err := d.attempt(ctx, connect, e)
		if !errors.Is(err, errDropped) || !pause(ctx, try) {
			return client, err
		}
	}
}

// Connect connects to another port of a host, through the gateways that lead to it. It does not log in to the host itself.
func (d *Dialer) Connect(ctx context.Context, t Target, port int) (net.Conn, error) {
	e, err := d.resolve(t)
	if err != nil {
		return nil, err
	}
	e.port = port
	connect, err := d.way(ctx, e)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.o.Timeout, &TimeoutError{d.o.Timeout, "connect"})
	defer cancel()
	conn, err := connect(ctx, "tcp", e.address())
	if err != nil {
		return nil, d.dialError(ctx, err)
	}
	return conn, nil
}

// Signers are the user's keys, those that were named first, and what to tell of those that cannot be used.
func (d *Dialer) Signers(ctx context.Context) (signers []ssh.Signer, told []string) {
	return d.keys.Signers(ctx, keyring.Wanted{Identities: d.o.Identities, Agent: d.o.Agent})
}

// connector connects to an address of a network.
type connector func(ctx context.Context, network, address string) (net.Conn, error)

// way is how a host is connected to: straight, or through its gateway, to which it connects.
func (d *Dialer) way(ctx context.Context, e *endpoint) (connector, error) {
	if e.via == "" {
		return (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext, nil
	}
	client, err := d.gateway(ctx, e.via)
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", e.via, err)
	}
	return client.DialContext, nil
}

// attempt connects and logs in, once.
func (d *Dialer) attempt(ctx context.Context, connect connector, e *endpoint) (*ssh.Client, error) {
	conn, err := connect(ctx, "tcp", e.address())
	if err != nil {
		if err = d.dialError(ctx, err); e.command {
			err = fmt.Errorf("%w (ssh_config has a ProxyCommand for it, which is not run here; ProxyJump is followed)", err)
		}
		return nil, err
	}
	client, err := d.login(ctx, conn, e)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return client, nil
}

// dialError takes addresses off an error: what many hosts have in common is to be told once.
func (d *Dialer) dialError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		return &TimeoutError{d.o.Timeout, "connect"}
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("connect: lookup: %s", lookup.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	if open, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		err = fmt.Errorf("behind the gateway: %s", open.Message)
	}
	return fmt.Errorf("connect: %w", err)
}

// gateway connects to a gateway, once for all that wait for it. One that was lost is connected anew.
func (d *Dialer) gateway(ctx context.Context, via string) (*ssh.Client, error) {
	d.mu.Lock()
	g, ok := d.gateways[via]
	if !ok {
		g = &gateway{ready: make(chan struct{})}
		d.gateways[via] = g
		d.owned.Go(func() { d.keepGateway(via, g) })
	}
	d.mu.Unlock()
	select {
	case <-g.ready:
		return g.client, g.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// keepGateway holds a gateway's connection until it is lost or the Dialer is closed.
func (d *Dialer) keepGateway(via string, g *gateway) {
	t, err := gatewayTarget(via, d.o.Known)
	if err == nil {
		err = d.leads(t)
	}
	if err == nil {
		g.client, err = d.Dial(d.ctx, t)
	}
	g.err = err
	close(g.ready)
	if err != nil {
		return // stays: every host behind it gets the same answer, and none waits twice
	}
	stop := context.AfterFunc(d.ctx, func() { g.client.Close() })
	end := KeepAlive(g.client)
	g.client.Wait()
	stop()
	end()
	d.mu.Lock()
	delete(d.gateways, via)
	d.mu.Unlock()
}

// maxHops bounds gateways behind gateways.
const maxHops = 8

// leads tells whether the gateways before this one come to an end: those that are behind each other would wait for each other.
func (d *Dialer) leads(t Target) error {
	seen := map[string]bool{}
	for {
		e, err := d.resolve(t)
		switch {
		case err != nil:
			return err
		case e.via == "":
			return nil
		case seen[e.via]:
			return fmt.Errorf("gateway %s: is behind itself", e.via)
		case len(seen) == maxHops-1:
			return fmt.Errorf("gateway: over the limit of %d, one behind the other", maxHops)
		}
		seen[e.via] = true
		if t, err = gatewayTarget(e.via, d.o.Known); err != nil {
			return err
		}
	}
}
