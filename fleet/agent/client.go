package agent

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent/internal/signed"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/fleet/wire"
)

// Dialer is the transport.Dialer that speaks with agents.
type Dialer struct {
	// Connect connects to a port of a node.
	Connect func(ctx context.Context, t transport.Target, port int) (net.Conn, error)
	Port    int
	Keys    []ssh.Signer // the operator's
	Told    []string     // of keys that cannot be used
	Timeout time.Duration

	config *tls.Config
}

var _ transport.Dialer = (*Dialer)(nil)

// seatName is the seat's in certificates.
const seatName = "seat"

// Open gives the dialer the credentials of the seat's authority. They are made anew each time.
func (d *Dialer) Open(a *pki.Authority) error {
	files, err := a.Issue(seatName)
	if err != nil {
		return err
	}
	by := map[string][]byte{}
	for _, f := range files {
		by[f.Name] = f.Data
	}
	pair, err := tls.X509KeyPair(by["node.pem"], by["node.key"])
	d.config = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, RootCAs: a.Pool(),
		VerifyConnection: func(s tls.ConnectionState) error { return a.Check(s.PeerCertificates[0]) }, // it may have been revoked
	}
	return err
}

// Close does nothing.
func (d *Dialer) Close() error { return nil }

// Dial connects to a node's agent, believes it by its certificate, and hears what it wants signed.
func (d *Dialer) Dial(ctx context.Context, t transport.Target) (transport.Conn, error) {
	raw, err := d.Connect(ctx, t, d.Port)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.Timeout, &transport.TimeoutError{After: d.Timeout, What: "agent"})
	defer cancel()
	config := d.config.Clone()
	config.ServerName = t.Name
	tlsConn := tls.Client(raw, config)
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		raw.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok && bad.Reason == x509.Expired && time.Now().After(bad.Cert.NotAfter) {
			err = fmt.Errorf("its certificate has run out on %s: enroll the node again (apply fleet enroll)", bad.Cert.NotAfter.Format(time.DateOnly))
		}
		return nil, fmt.Errorf("agent: %w", err)
	}
	c := &conn{raw: tlsConn, peer: wire.New(tlsConn, tlsConn, nil)}
	c.ended.Go(func() { c.lost = c.peer.Serve(context.WithoutCancel(ctx)) })
	if err := c.greet(ctx, d, t.Name); err != nil {
		c.Close()
		if errors.Is(err, wire.ErrLost) {
			err = cmp.Or(d.refused(c.lost), err)
		}
		return nil, err
	}
	return c, nil
}

// refused is why a node has ended a connection before it greeted, nil where it did not say. A client of TLS 1.3 has begun to send when its certificate is looked at.
func (d *Dialer) refused(lost error) error {
	alert, ok := errors.AsType[*net.OpError](lost)
	if !ok || alert.Op != "remote error" {
		return nil
	}
	text := "taken away, or another seat has enrolled it since"
	if leaf := d.config.Certificates[0].Leaf; strings.Contains(alert.Error(), "expired") { // or not valid yet, which has no alert of its own
		text = fmt.Sprintf("by this clock it is %s, and it holds from %s to %s: by the node's it does not", time.Now().UTC().Format(time.DateTime), leaf.NotBefore.Format(time.DateTime), leaf.NotAfter.Format(time.DateTime))
	}
	return fmt.Errorf("agent: the node refuses this seat's certificate (%s): %w", text, alert)
}

// conn is a connection to an agent.
type conn struct {
	raw   net.Conn
	peer  *wire.Peer
	ended sync.WaitGroup
	lost  error // why it ended, once it has
	hello signed.Greeting
	heard time.Time // when it greeted, by this clock
	key   ssh.Signer
}

// maxGreeting bounds what is read of one.
const maxGreeting = 64 << 10

func (c *conn) greet(ctx context.Context, d *Dialer, node string) error {
	if err := c.peer.Ask(ctx, "greet", nil, &c.hello, maxGreeting); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	c.heard = time.Now()
	if c.hello.Node != node {
		return fmt.Errorf("agent: the node does not say that it is %s", node)
	}
	i := slices.IndexFunc(d.Keys, func(s ssh.Signer) bool { return slices.Contains(c.hello.Keys, ssh.FingerprintSHA256(s.PublicKey())) })
	if i < 0 {
		return fmt.Errorf("agent: %w: the node allows other operators' keys (%s)", transport.ErrAuth, strings.Join(slices.Compact(slices.Clone(d.Told)), ", "))
	}
	c.key = d.Keys[i]
	return nil
}

// Run signs a command and lets the agent run it.
func (c *conn) Run(ctx context.Context, cmd transport.Command) (transport.Exit, error) {
	if cmd.Stdin != nil {
		return transport.Exit{}, &fleet.JobError{Err: errors.New("agent: takes no input, as that is not signed: use ssh")}
	}
	grace := cmd.Patience()
	e, err := signed.Sign(c.hello, c.hello.Time.Add(time.Since(c.heard)), cmd.Line, grace, c.key)
	if err != nil {
		return transport.Exit{}, err
	}
	end, err := c.peer.Call(ctx, "run", e, wire.Streams{Stdout: cmd.Stdout, Stderr: cmd.Stderr}, grace)
	switch {
	case errors.Is(err, wire.ErrLost):
		err = transport.ErrLost
	case err != nil && ctx.Err() == nil:
		err = &fleet.JobError{Err: err} // refused, or it could not be begun
	}
	return transport.Exit{Code: end.Code, Signal: end.Signal}, err
}

// Start is not for agents: what a stream carries is not signed.
func (c *conn) Start(string) (transport.Stream, error) {
	return nil, errors.New("agent: carries no streams: use ssh")
}

// Close ends the connection.
func (c *conn) Close() error {
	err := c.raw.Close()
	c.ended.Wait()
	return err
}
