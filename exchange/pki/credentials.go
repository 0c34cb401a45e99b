package pki

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/name"
)

// DefaultDir is where a node keeps its credentials: ca.pem, node.pem and node.key (0600).
const DefaultDir = "/etc/apply/exchange"

// Enroll makes a key and a certificate for a node and writes them, with the authority's, to a folder, which is made 0700.
func (a *Authority) Enroll(node, out string) error {
	files, err := a.Issue(node)
	if err != nil {
		return err
	}
	if err := durable.OwnFolder(out); err != nil {
		return err
	}
	for _, f := range files {
		if err := durable.WriteFile(filepath.Join(out, f.Name), f.Data, f.Mode); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// File is one file of a folder of credentials.
type File struct {
	Name string
	Data []byte
	Mode os.FileMode
}

// Issue makes a key and a certificate for a node: the files of its folder of credentials.
func (a *Authority) Issue(node string) ([]File, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	cert, err := a.Sign(node, key.Public())
	if err != nil {
		return nil, err
	}
	return []File{{"node.key", keyPEM, 0o600}, {"node.pem", cert, 0o644}, {"ca.pem", certPEM(a.cert.Raw), 0o644}}, nil
}

// Credentials are what a node shows and whom it believes. They are safe for concurrent use.
type Credentials struct {
	dir  string
	pool *x509.CertPool

	mu   sync.Mutex
	pair tls.Certificate
}

// LoadCredentials reads a node's credentials from a folder. A folder without them is fs.ErrNotExist.
func LoadCredentials(dir string) (*Credentials, error) {
	path := filepath.Join(dir, "node.key")
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("exchange credentials: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("exchange credentials: %s: mode %04o lets others read the node's key (want 0600)", path, info.Mode().Perm())
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "node.pem"), path)
	if err != nil {
		return nil, fmt.Errorf("exchange credentials: %w", err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("exchange credentials: %w", err)
	}
	c := &Credentials{dir: dir, pool: x509.NewCertPool(), pair: pair}
	if !c.pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("exchange credentials: %s holds no certificate", filepath.Join(dir, "ca.pem"))
	}
	if err := name.Node(c.Node()); err != nil {
		return nil, fmt.Errorf("exchange credentials: %w", err)
	}
	return c, nil
}

// Node is the name that the certificate gives.
func (c *Credentials) Node() string { return c.leaf().Subject.CommonName }

// NotAfter is when the certificate runs out.
func (c *Credentials) NotAfter() time.Time { return c.leaf().NotAfter }

func (c *Credentials) leaf() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pair.Leaf
}

// TLS is a client's configuration: it shows the present certificate, believes the pinned authority alone, and asks for a
// server name ("" for the host that is called).
func (c *Credentials) TLS(serverName string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    c.pool,
		ServerName: serverName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			pair := c.pair
			return &pair, nil
		},
	}
}

// Renew takes over a new certificate for the same key and name, durably. Anything else is refused.
func (c *Credentials) Renew(ctx context.Context, certificate []byte) error {
	block, _ := pem.Decode(certificate)
	if block == nil || block.Type != "CERTIFICATE" {
		return errors.New("renewed certificate: not a certificate")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("renewed certificate: %w", err)
	}
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: c.pool, KeyUsages: usage}); err != nil {
		return fmt.Errorf("renewed certificate: %w", err)
	}
	lock, err := durable.Lock(ctx, filepath.Join(c.dir, ".lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	mine, ok := c.pair.PrivateKey.(crypto.Signer)
	if !ok {
		return errors.New("renewed certificate: the node's key cannot sign")
	}
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(mine.Public()) || leaf.Subject.CommonName != c.pair.Leaf.Subject.CommonName {
		return errors.New("renewed certificate: for another key or name")
	}
	if err := durable.WriteFile(filepath.Join(c.dir, "node.pem"), pem.EncodeToMemory(block), 0o644); err != nil {
		return fmt.Errorf("renewed certificate: %w", err)
	}
	c.pair.Certificate, c.pair.Leaf = [][]byte{block.Bytes}, leaf
	return nil
}
