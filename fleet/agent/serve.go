// Package agent is this program as a service of a node that runs commands for a fleet's operators, without ssh. It is off by default.
//
// Whoever connects shows a certificate of the seat's authority, and so does the node: both are enrolled over ssh. Each command is signed by an operator's ssh key
// that the node allows (a file of allowed signers), and counts once (see fleet/agent/internal/signed). Every command and every refusal is written down before anything
// else happens; of connections by those without a certificate only some are, and how many there were.
package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/fleet/agent/internal/audit"
	"github.com/nodeapply/apply/fleet/agent/internal/signed"
	"github.com/nodeapply/apply/fleet/relay"
	"github.com/nodeapply/apply/fleet/wire"
	"github.com/nodeapply/apply/sshsig"
)

// Where an agent listens, has its credentials and writes its audit, when nothing else is said.
const (
	DefaultPort  = 7655
	DefaultDir   = "/etc/apply/agent"
	DefaultAudit = "/var/log/apply/agent.log"
)

// The files in an agent's folder.
const (
	keyFile       = "agent.key" // 0600; it never leaves the node
	certFile      = "agent.pem"
	authorityFile = "ca.pem"
	operatorsFile = "allowed_signers"
)

// Deadlines and bounds of connections.
const (
	helloTimeout   = 10 * time.Second
	maxConnections = 64
)

// Options of Serve.
type Options struct {
	Listen string // HOST:PORT, default every address and DefaultPort
	Dir    string // default DefaultDir
	Audit  string // file, default DefaultAudit
	Log    io.Writer
	Ready  func(net.Addr)
}

type service struct {
	judge *signed.Judge
	audit *audit.Log
	flood *audit.Flood // of connections that come to nothing
	slots chan struct{}
}

// Serve runs an agent until the context ends; that is no error.
func Serve(ctx context.Context, o Options) (err error) {
	if o.Listen == "" {
		o.Listen = fmt.Sprintf(":%d", DefaultPort)
	}
	if o.Dir == "" {
		o.Dir = DefaultDir
	}
	if o.Audit == "" {
		o.Audit = DefaultAudit
	}
	_, node, err := credentials(o.Dir)
	if err != nil {
		return err
	}
	// Read anew for each connection: a node that is enrolled again, or whose seat is taken away, need not be started again.
	config := &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c, _, err := credentials(o.Dir)
		return c, err
	}}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	now := steady()
	s := &service{slots: make(chan struct{}, maxConnections), judge: &signed.Judge{
		Node: node, Boot: strings.TrimSpace(string(boot)), Since: now(), Now: now, Signers: func() (*sshsig.Signers, error) { return operators(o.Dir) },
	}}
	if _, err := s.judge.Signers(); err != nil {
		return err
	}
	if s.audit, err = audit.Open(o.Audit, o.Log); err != nil {
		return err
	}
	s.flood = audit.NewFlood(s.audit)
	defer func() { err = errors.Join(err, s.flood.Close(), s.audit.Close()) }()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	if o.Ready != nil {
		o.Ready(ln.Addr())
	}
	return s.accept(ctx, ln, config)
}

// steady is a clock that setting this machine's does not move. Signed commands are timed by what the node says it is: where an agent starts with a clock that
// is an hour ahead, and that is put right, they are none the older for it.
func steady() func() time.Time {
	start := time.Now()
	return func() time.Time { return start.Add(time.Since(start)) } // which is monotonic
}

// credentials are the node's, and its name.
func credentials(dir string) (*tls.Config, string, error) {
	key := filepath.Join(dir, keyFile)
	if info, err := os.Stat(key); err != nil {
		return nil, "", fmt.Errorf("agent: %w: enroll this node from its seat: apply fleet enroll", err)
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, "", fmt.Errorf("agent: %s: mode %04o lets others read it (want 0600)", key, info.Mode().Perm())
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, certFile), key)
	if err != nil {
		return nil, "", fmt.Errorf("agent: %w", err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, authorityFile))
	if err != nil {
		return nil, "", fmt.Errorf("agent: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, "", fmt.Errorf("agent: %s holds no certificate", filepath.Join(dir, authorityFile))
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}, pair.Leaf.Subject.CommonName, nil
}

// maxOperators bounds the file of allowed signers.
const maxOperators = 1 << 20

// operators reads who is allowed; it is asked at every command, so that whoever is taken out is out.
func operators(dir string) (*sshsig.Signers, error) {
	name := filepath.Join(dir, operatorsFile)
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 || !info.Mode().IsRegular() || info.Size() > maxOperators {
		return nil, fmt.Errorf("agent: %s: others can write it, or it is no file of at most %d bytes", name, maxOperators)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	signers, err := sshsig.Parse(name, string(text))
	if err != nil {
		return nil, fmt.Errorf("agent: %s: %w", name, err)
	}
	return signers, nil
}

func (s *service) accept(ctx context.Context, ln net.Listener, config *tls.Config) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("agent: %w", err)
		}
		select {
		case s.slots <- struct{}{}:
			wg.Go(func() {
				defer func() { <-s.slots }()
				s.serve(ctx, tls.Server(conn, config))
			})
		default:
			conn.Close()
		}
	}
}

// serve serves one connection.
func (s *service) serve(ctx context.Context, conn *tls.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	from := conn.RemoteAddr().String()
	hello, cancel := context.WithTimeout(ctx, helloTimeout)
	err := conn.HandshakeContext(hello)
	cancel()
	if err != nil {
		_ = s.flood.Write(audit.Entry{Time: time.Now(), Event: "refused", From: from, Error: err.Error()}) // nothing was asked for yet
		return
	}
	run := relay.Run
	_ = wire.New(conn, conn, map[string]wire.Handler{ // the caller is told how it ended
		"greet": s.greet,
		"run":   func(ctx context.Context, c *wire.Call) (wire.End, error) { return s.run(ctx, c, from, run) },
	}).Serve(ctx)
}

func (s *service) greet(_ context.Context, c *wire.Call) (wire.End, error) {
	signers, err := s.judge.Signers()
	if err != nil {
		return wire.End{}, err
	}
	return wire.End{}, json.NewEncoder(c.Stdout).Encode(signed.Greeting{
		Node: s.judge.Node, Boot: s.judge.Boot, Time: s.judge.Now(), Keys: signers.Fingerprints(signed.Namespace, time.Now()),
	})
}

// run runs a command that an operator has signed. It is written down before it begins; where that cannot be, it does not begin.
func (s *service) run(ctx context.Context, c *wire.Call, from string, run wire.Handler) (wire.End, error) {
	var e signed.Envelope
	if err := c.Args(&e); err != nil {
		return wire.End{}, err
	}
	st, who, err := s.judge.Judge(e)
	entry := audit.Entry{Time: time.Now(), Event: "begun", From: from, Operator: who.Principals, Key: who.Fingerprint, Nonce: st.Nonce, Line: st.Line}
	if err != nil {
		entry.Event, entry.Error = "refused", err.Error()
	}
	if told := s.audit.Write(entry); told != nil || err != nil {
		return wire.End{}, errors.Join(err, told)
	}
	end, err := run(ctx, c.With(json.RawMessage(e.Statement)))
	entry.Time, entry.Event, entry.Code, entry.Signal = time.Now(), "ended", &end.Code, end.Signal
	if err != nil {
		entry.Code, entry.Error = nil, err.Error()
	}
	return end, errors.Join(err, s.audit.Write(entry))
}
