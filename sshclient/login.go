package sshclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// errDropped is a server that closed the connection before it said what it is: sshd does so to some when it has too many to log in (MaxStartups).
var errDropped = errors.New("the server closes connections before it speaks (its MaxStartups?)")

// Bounds of waiting before a server that drops connections is tried again: as long again each time, and a random share of that, so that many do not come
// back at once.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// pause waits before another try; false: there is no time for one.
func pause(ctx context.Context, try int) bool {
	d := lastPause
	if try < 5 {
		d = min(firstPause<<try, lastPause)
	}
	d = d/2 + rand.N(d)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// login shakes hands and authenticates. A server that does not speak holds no slot.
func (d *Dialer) login(ctx context.Context, conn net.Conn, e *endpoint) (*ssh.Client, error) {
	known, err := d.hosts.Known(e.knownHosts, e.revoked)
	if err != nil {
		return nil, err
	}
	signers, told := d.keys.Signers(ctx, e.keys)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	begun := &begun{Conn: conn}
	if err := begun.await(); err != nil {
		if ctx.Err() == nil {
			return nil, fmt.Errorf("handshake: %w: %w", errDropped, err)
		}
		return nil, context.Cause(ctx)
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	var refused error
	config := &ssh.ClientConfig{
		User: e.user,
		Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) { return signers, nil })},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			refused = known.Check(e.keyNames, key)
			return refused
		},
		HostKeyAlgorithms: known.Algorithms(e.keyNames),
	}
	c, channels, requests, err := ssh.NewClientConn(begun, e.address(), config)
	switch {
	case err == nil && !stop():
		return nil, context.Cause(ctx)
	case err == nil:
		return ssh.NewClient(c, channels, requests), nil
	case refused != nil:
		return nil, refused
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case !begun.spoke():
		return nil, fmt.Errorf("handshake: %w: %w", errDropped, err)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return nil, fmt.Errorf("%w for user %s (%s)", ErrAuth, e.user, strings.Join(slices.Compact(told), ", "))
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		return nil, fmt.Errorf("%w: it changed: the host has no key of a kind that is in known_hosts", ErrHostKey)
	}
	return nil, fmt.Errorf("handshake: %w", err)
}

// begun is a connection of which the beginning is kept.
type begun struct {
	net.Conn
	first []byte // read already, and not given on yet

	mu   sync.Mutex // the reader may go on when the handshake has been given up
	head []byte     // the beginning of all
}

// maxHead is how many bytes are looked at for what the server is: a server may say something else before.
const maxHead = 8 << 10

// await waits for the first byte.
func (b *begun) await() error {
	first := make([]byte, 1)
	_, err := io.ReadFull(b.Conn, first)
	if err == nil {
		b.first = first
	}
	return err
}

// spoke tells whether the server said which ssh it is.
func (b *begun) spoke() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.head) >= maxHead || bytes.HasPrefix(b.head, []byte("SSH-")) || bytes.Contains(b.head, []byte("\nSSH-"))
}

// Read gives what was read before, then what comes.
func (b *begun) Read(p []byte) (n int, err error) {
	if len(b.first) > 0 {
		n = copy(p, b.first)
		b.first = b.first[n:]
	} else {
		n, err = b.Conn.Read(p)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.head = append(b.head, p[:min(n, maxHead-len(b.head))]...)
	return n, err
}
