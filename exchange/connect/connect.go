// Package connect opens an exchange from its URL: the one place that knows all drivers.
package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/file"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
)

// LoginFile is where an etcd user and password stand in the folder of credentials: "user:password", one line, mode 0600.
const LoginFile = "etcd.login"

const renewTimeout = 10 * time.Second

// Options of Open.
type Options struct {
	CredentialsDir string       // "" is pki.DefaultDir
	StateDir       string       // where the file driver keeps its file
	Node           string       // the node that this is; "" for one that only looks
	Deployment     string       // "" is exchange.DefaultDeployment
	Warn           func(string) // told what is not as it should be, but no error; may be nil
}

// Connection is an open exchange.
type Connection struct {
	*exchange.Exchange
	Store store.Store
}

// Close lets go of the store.
func (c *Connection) Close() error { return c.Store.Close() }

// Open opens an exchange: "" is a file in the state folder, https://HOST:PORT an embedded exchange, unix:///PATH a socket that leads to one, etcd://HOST,HOST,... an
// etcd cluster (port 2379 unless said; etcd://USER:PASSWORD@HOST,... with etcd's own users). It connects at the first call.
func Open(ctx context.Context, url string, o Options) (*Connection, error) {
	o.CredentialsDir = cmp.Or(o.CredentialsDir, pki.DefaultDir)
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	s, err := open(ctx, url, o)
	if err != nil {
		return nil, err
	}
	x, err := exchange.New(s, exchange.Options{Deployment: o.Deployment, Local: url == ""})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Connection{x, s}, nil
}

// Check tells whether a URL and a deployment are of a form that Open takes; it reaches nothing.
func Check(url, deployment string) error {
	if deployment != "" {
		if err := name.Deployment(deployment); err != nil {
			return err
		}
	}
	scheme, rest, _ := strings.Cut(url, "://")
	switch {
	case url == "":
		return nil
	case scheme == "https", scheme == "unix":
		return client.Check(url)
	case scheme == "etcd":
		_, err := etcdOptions(rest)
		return err
	case scheme == "http":
		return fmt.Errorf("exchange %q: plain http is not spoken: use https", url)
	}
	return fmt.Errorf("exchange: scheme %.20q: not https:// or etcd://", scheme)
}

func open(ctx context.Context, url string, o Options) (store.Store, error) {
	if err := Check(url, o.Deployment); err != nil {
		return nil, err
	}
	hosts, isEtcd := strings.CutPrefix(url, "etcd://")
	switch {
	case url == "":
		return file.Open(o.StateDir, time.Now, o.Warn)
	case isEtcd:
		return openEtcd(ctx, hosts, o)
	}
	return openEmbedded(ctx, url, o)
}

func openEmbedded(ctx context.Context, url string, o Options) (store.Store, error) {
	credentials, err := pki.LoadCredentials(o.CredentialsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: make them with: apply exchange enroll %s --out DIR", err, cmp.Or(o.Node, "NODE"))
	}
	if err != nil {
		return nil, err
	}
	if o.Node != "" && credentials.Node() != o.Node {
		return nil, fmt.Errorf("exchange credentials in %s are of node %s, this is %s", o.CredentialsDir, credentials.Node(), o.Node)
	}
	c, err := client.New(url, credentials)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	if err := c.RenewCertificate(ctx, time.Now()); err != nil {
		o.Warn(fmt.Sprintf("certificate of %s runs out on %s: %v", credentials.Node(), credentials.NotAfter().Format(time.DateOnly), err))
	}
	return c, nil
}

// etcdOptions reads what stands behind etcd://.
func etcdOptions(hosts string) (e etcd.Options, err error) {
	if i := strings.LastIndex(hosts, "@"); i >= 0 {
		e.User, e.Password, _ = strings.Cut(hosts[:i], ":")
		hosts = hosts[i+1:]
	}
	for h := range strings.SplitSeq(strings.TrimSuffix(hosts, "/"), ",") {
		endpoint, err := withPort(h, "2379")
		if err != nil {
			return e, fmt.Errorf("exchange etcd://: %w", err)
		}
		e.Endpoints = append(e.Endpoints, endpoint)
	}
	return e, nil
}

func openEtcd(ctx context.Context, hosts string, o Options) (store.Store, error) {
	e, err := etcdOptions(hosts)
	if err != nil {
		return nil, err
	}
	if e.User == "" {
		if e.User, e.Password, err = login(o.CredentialsDir); err != nil {
			return nil, err
		}
	}
	credentials, err := pki.LoadCredentials(o.CredentialsDir)
	switch {
	case err == nil:
		e.TLS = credentials.TLS("")
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return etcd.New(ctx, e)
}

func withPort(host, port string) (string, error) {
	if h, p, err := net.SplitHostPort(host); err == nil && h != "" && p != "" {
		return host, nil
	}
	if host == "" || strings.ContainsAny(host, "/@ ") || strings.Contains(host, ":") && net.ParseIP(strings.Trim(host, "[]")) == nil {
		return "", fmt.Errorf("host %.100q: not HOST or HOST:PORT", host)
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port), nil
}

func login(dir string) (user, password string, err error) {
	path := filepath.Join(dir, LoginFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("exchange credentials: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", "", fmt.Errorf("exchange credentials: %s: mode %04o lets others read it (want 0600)", path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("exchange credentials: %w", err)
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(b)), ":")
	if !ok || user == "" {
		return "", "", fmt.Errorf("exchange credentials: %s: not user:password", path)
	}
	return user, password, nil
}
