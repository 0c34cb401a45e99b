// Package client is the driver for an embedded exchange: a store over HTTPS with mutual TLS.
//
// It believes the exchange's own authority alone, speaks to the configured host alone (no redirect and no proxy is
// followed), and takes nothing for an answer that is not one: a page of HTML or a stream that was cut off is an exchange
// that is unavailable, never a value.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
)

// Deadlines, each within the caller's: to connect, and for one call to be answered.
const (
	dialTimeout = 10 * time.Second
	callTimeout = 30 * time.Second
)

// maxReply bounds what is read of an answer that is not a stream; maxList what is read of a listing.
const (
	maxReply = 1 << 20
	maxList  = 512 << 20
)

// Client is a store in an embedded exchange.
type Client struct {
	base        *url.URL
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
	credentials *pki.Credentials
	clock       func() time.Time

	mu      sync.Mutex
	http    *http.Client // its connections show the certificate of the time when they were made
	renewed time.Time    // when the certificate was last asked to be renewed
}

var _ store.Store = (*Client)(nil)

// defaultPort is that of `apply exchange serve`.
const defaultPort = "7654"

// Check tells whether base is of a form that New takes.
func Check(base string) error {
	_, _, err := address(base)
	return err
}

// address takes the URL of an exchange apart: a host with its port, and the socket that leads there, if one does.
func address(base string) (host, socket string, err error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", "", fmt.Errorf("exchange: %w", err)
	}
	if u.Scheme == "unix" && u.Host == "" {
		return net.JoinHostPort(pki.ServerName, defaultPort), u.Path, nil
	}
	if u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", "", fmt.Errorf("exchange %q: not of the form https://host:port", u.Redacted())
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), defaultPort), "", nil
	}
	return u.Host, "", nil
}

// New makes a client of the exchange at base (https://host:port, or unix:///path of a socket that leads there). It connects at the first call.
func New(base string, c *pki.Credentials) (*Client, error) {
	host, socket, err := address(base)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: wire.Heartbeat}
	dial := dialer.DialContext
	if socket != "" {
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	return &Client{
		base: &url.URL{Scheme: "https", Host: host}, dial: dial, http: overTLS(dial, c), credentials: c, clock: time.Now,
	}, nil
}

// overTLS makes a client that speaks to one host, by connections of its own.
func overTLS(dial func(ctx context.Context, network, address string) (net.Conn, error), c *pki.Credentials) *http.Client {
	t := &http.Transport{
		Proxy:               nil,
		DialContext:         dial,
		TLSClientConfig:     c.TLS(pki.ServerName),
		TLSHandshakeTimeout: dialTimeout,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     time.Minute,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 2 * wire.Heartbeat, PingTimeout: wire.Heartbeat},
	}
	refuse := func(r *http.Request, _ []*http.Request) error {
		return fmt.Errorf("redirect to %s is not followed", r.URL.Host)
	}
	return &http.Client{Transport: t, CheckRedirect: refuse}
}

// Close lets go of the connections.
func (c *Client) Close() error {
	c.connections().CloseIdleConnections()
	return nil
}

// connections are those that show the present certificate.
func (c *Client) connections() *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.http
}

// Get implements store.Store.
func (c *Client) Get(ctx context.Context, key string) (store.Entry, error) {
	r, err := c.call(ctx, wire.Path+"get", wire.Request{Key: key})
	if err != nil {
		return store.Entry{}, err
	}
	f, err := wire.Decode(r.Entry)
	if err != nil || f.Event == nil || f.Event.Key != key {
		return store.Entry{}, c.nonsense("get", err)
	}
	return f.Event.Entry, nil
}

// Put implements store.Store.
func (c *Client) Put(ctx context.Context, p store.Put) (int64, error) {
	r, err := c.call(ctx, wire.Path+"put", wire.Request{Key: p.Key, Value: p.Value, Expect: p.Expect, Lease: p.Lease})
	if err == nil && r.Revision <= 0 {
		err = c.nonsense("put", errors.New("no revision"))
	}
	return r.Revision, err
}

// Delete implements store.Store.
func (c *Client) Delete(ctx context.Context, key string, expect int64) error {
	_, err := c.call(ctx, wire.Path+"delete", wire.Request{Key: key, Expect: expect})
	return err
}

// Grant implements store.Store.
func (c *Client) Grant(ctx context.Context, ttl time.Duration) (store.LeaseID, error) {
	r, err := c.call(ctx, wire.Path+"grant", wire.Request{TTL: ttl})
	if err == nil && r.Lease == 0 {
		err = c.nonsense("grant", errors.New("no lease"))
	}
	return r.Lease, err
}

// Renew implements store.Store. A run renews its lease for as long as it goes on, and by the way the node's certificate when it is time.
func (c *Client) Renew(ctx context.Context, id store.LeaseID) error {
	_, err := c.call(ctx, wire.Path+"renew", wire.Request{Lease: id})
	if err == nil {
		c.keepCertificate(ctx)
	}
	return err
}

// Revoke implements store.Store.
func (c *Client) Revoke(ctx context.Context, id store.LeaseID) error {
	_, err := c.call(ctx, wire.Path+"revoke", wire.Request{Lease: id})
	return err
}

func (c *Client) call(ctx context.Context, path string, q wire.Request) (wire.Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTimeout, fmt.Errorf("%w: no answer in %s", store.ErrUnavailable, callTimeout))
	defer cancel()
	body, err := c.open(ctx, path, q, wire.JSON)
	if err != nil {
		return wire.Reply{}, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxReply))
	if err != nil {
		return wire.Reply{}, c.failed(ctx, err)
	}
	var r wire.Reply
	if err := strict(b, &r); err != nil {
		return wire.Reply{}, c.nonsense(path, err)
	}
	return r, nil
}

// open sends a call and returns the body of an answer of the wanted type with status 200; all else is an error.
func (c *Client) open(ctx context.Context, path string, q wire.Request, want string) (io.ReadCloser, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath(path).String(), bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", wire.JSON)
	resp, err := c.connections().Do(r)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK && kind == want {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	var f wire.Failure
	if err == nil && kind == wire.JSON && resp.StatusCode != http.StatusOK && strict(text, &f) == nil {
		return nil, fmt.Errorf("exchange %s: %w", c.base.Host, f.Err())
	}
	return nil, c.nonsense(path, fmt.Errorf("status %d with %.60q", resp.StatusCode, resp.Header.Get("Content-Type")))
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one answer")
	}
	return nil
}

var errAnother = errors.New("another key")

// nonsense is the error of an answer that cannot be one; without a reason it is about another key than was asked for.
func (c *Client) nonsense(what string, err error) error {
	return fmt.Errorf("exchange %s: %w: not an answer of an exchange (%s): %w", c.base.Host, store.ErrUnavailable, what, cmp.Or(err, errAnother))
}

// failed sorts what went wrong on the way: the caller's own end of waiting, a certificate that one side does not believe
// (trying again does not help), and all else, which may pass.
func (c *Client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("exchange %s: %w", c.base.Host, context.Cause(ctx))
	}
	var refused *net.OpError
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired: // or not valid yet; a clock is set right some time after boot
		return fmt.Errorf("exchange %s: %w: its certificate does not hold by this node's clock: %w", c.base.Host, store.ErrUnavailable, err)
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid):
		return fmt.Errorf("exchange %s: %w: it is not the one that enrolled this node: %w", c.base.Host, store.ErrDenied, err)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("exchange %s: %w: it does not speak TLS", c.base.Host, store.ErrDenied)
	case isAlert(err):
	case errors.As(err, &refused) && refused.Op == "dial":
		return fmt.Errorf("exchange %s: %w: %w", c.base.Host, store.ErrUnavailable, err)
	default:
		// In TLS 1.3 a server looks at the client's certificate when the client has begun to send already: its alert is lost
		// where the sending fails first. Whoever sends nothing reads it.
		alert := c.probe(ctx)
		if !isAlert(alert) {
			return fmt.Errorf("exchange %s: %w: %w", c.base.Host, store.ErrUnavailable, err)
		}
		err = alert
	}
	return fmt.Errorf("exchange %s: %w: it refuses this node's certificate (revoked, run out, or of another authority): %w",
		c.base.Host, store.ErrDenied, err)
}

// isAlert tells whether the other side has ended the TLS connection and said why.
func isAlert(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error"
}

const probeTimeout = 2 * time.Second

// probe makes a connection, waits for the server to speak first, as HTTP/2 has it, and returns how that ended.
func (c *Client) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	config := c.credentials.TLS(pki.ServerName)
	config.NextProtos = []string{"h2"}
	raw, err := c.dial(ctx, "tcp", c.base.Host)
	if err != nil {
		return err
	}
	conn := tls.Client(raw, config)
	defer conn.Close()
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(probeTimeout)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}
