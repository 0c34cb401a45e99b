// Package pki is who is who in an embedded exchange: its own certificate authority, the certificates of its server and of
// the nodes (common name: the node's name), which of them are revoked, and the bearer tokens of the HTTP face.
//
// All of it is kept in the folder "authority" of the exchange's data folder (0700), in small files that are replaced whole,
// so that `enroll`, `revoke` and `token` work while the server runs; it sees their changes at its next look.
package pki

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/name"
)

// ServerName is in every server certificate, whatever the address: a client that pins the authority asks for this name.
const ServerName = "exchange.apply.internal"

// Validity of certificates.
const (
	nodeValidity   = 90 * 24 * time.Hour
	RenewBefore    = nodeValidity / 3 // a node renews its certificate when less than this is left
	caValidity     = 20 * 365 * 24 * time.Hour
	serverValidity = nodeValidity   // made anew at every start, and when a third is left
	backdate       = 24 * time.Hour // the clock of those who are shown a certificate may be behind by so much
)

// Authority signs and revokes. It is safe for concurrent use, also by several processes.
type Authority struct {
	dir     string
	clock   func() time.Time
	passing bool // see OpenAuthority
	cert    *x509.Certificate
	key     crypto.Signer

	mu      sync.Mutex
	known   watched[map[string]int64] // who was let in, and when last
	revoked watched[map[string]int64]
	tokens  watched[map[string]tokenEntry]
}

// OpenAuthority reads the authority beside the exchange's data, and makes it if there is none. One without a clock is to end with the process: what it
// signs is good for that long, whatever the clocks of those are who are shown it.
func OpenAuthority(ctx context.Context, data string, clock func() time.Time) (*Authority, error) {
	dir := filepath.Join(data, "authority")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	a := &Authority{dir: dir, clock: clock}
	if clock == nil {
		a.clock, a.passing = time.Now, true
	}
	a.known.path = filepath.Join(dir, "enrolled.json")
	a.revoked.path = filepath.Join(dir, "revoked.json")
	a.tokens.path = filepath.Join(dir, "tokens.json")
	lock, err := a.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := a.load(); errors.Is(err, fs.ErrNotExist) {
		if err := a.create(); err != nil {
			return nil, fmt.Errorf("authority: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	return a, nil
}

// FindAuthority reads the authority beside the exchange's data; where there is none that is an error.
func FindAuthority(ctx context.Context, data string) (*Authority, error) {
	if _, err := os.Stat(filepath.Join(data, "authority", "ca.pem")); err != nil {
		return nil, fmt.Errorf("no exchange has its data in %s: %w", data, err)
	}
	return OpenAuthority(ctx, data, time.Now)
}

func (a *Authority) lock(ctx context.Context) (*os.File, error) {
	return durable.Lock(ctx, filepath.Join(a.dir, "lock"))
}

func (a *Authority) load() error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, "ca.pem"), filepath.Join(a.dir, "ca.key"))
	if err != nil {
		return err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return errors.New("ca.pem is not an authority's certificate")
	}
	a.cert, a.key = pair.Leaf, key
	return nil
}

// create makes the key first: a crash in between leaves a key without certificate, which the next start replaces.
func (a *Authority) create() error {
	key, keyPEM, err := newKey()
	if err != nil {
		return err
	}
	t := a.template("apply exchange authority", caValidity)
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(a.dir, "ca.key"), keyPEM, 0o600); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(a.dir, "ca.pem"), certPEM(der), 0o644); err != nil {
		return err
	}
	return a.load()
}

// Pool holds the authority's certificate alone.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Server makes a certificate for the exchange's listener, valid for the given names and addresses and for ServerName.
func (a *Authority) Server(hosts []string) (tls.Certificate, error) {
	key, _, err := newKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	t := a.template(ServerName, serverValidity)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.DNSNames = []string{ServerName}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if h != "" {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("server certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// Serving is a listener's configuration with one certificate: it takes nodes that this authority has signed and not revoked,
// and others only without any certificate.
func (a *Authority) Serving(cert tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.VerifyClientCertIfGiven,
		ClientCAs:    a.Pool(),
		VerifyConnection: func(c tls.ConnectionState) error {
			if len(c.VerifiedChains) == 0 {
				return nil
			}
			return a.Check(c.VerifiedChains[0][0])
		},
	}
}

// Sign makes a node's certificate for its public key, and returns it in PEM.
func (a *Authority) Sign(node string, public crypto.PublicKey) ([]byte, error) {
	a.mu.Lock()
	revoked, err := a.revoked.get()
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	from := a.clock().UnixNano()
	if at, ok := revoked[node]; ok {
		from = max(from, at+1) // the clock may have been ahead then
	}
	return a.sign(node, public, from)
}

// Renew signs the key of a node's certificate anew. What ends that one ends the new one as well: a revocation that is on its way to the disk meanwhile would
// else come before it.
func (a *Authority) Renew(c *x509.Certificate) ([]byte, error) {
	return a.sign(c.Subject.CommonName, c.PublicKey, since(c))
}

func (a *Authority) sign(node string, public crypto.PublicKey, from int64) ([]byte, error) {
	if err := name.Node(node); err != nil {
		return nil, err
	}
	t := a.template(node, nodeValidity)
	t.SerialNumber = serial(from)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", node, err)
	}
	return certPEM(der), nil
}

// SignServer makes the certificate of a node that serves under its own name, for its public key, and returns it in PEM with the authority's own.
func (a *Authority) SignServer(node string, public crypto.PublicKey, valid time.Duration) (certificate, authority []byte, err error) {
	if err := name.Node(node); err != nil {
		return nil, nil, err
	}
	t := a.template(node, valid)
	t.ExtKeyUsage, t.DNSNames = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []string{node}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, public, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate of %s: %w", node, err)
	}
	return certPEM(der), certPEM(a.cert.Raw), nil
}

// template is for a certificate that is issued now, and good from when on the authority is: a clock that was ahead for a moment would keep out who got one
// then.
func (a *Authority) template(cn string, valid time.Duration) *x509.Certificate {
	now := a.clock()
	t := &x509.Certificate{
		SerialNumber: serial(now.UnixNano()),
		Subject:      pkix.Name{CommonName: cn},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(valid),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if a.cert != nil {
		t.NotBefore = a.cert.NotBefore
	}
	if a.passing {
		t.NotBefore, t.NotAfter = time.Unix(0, 0), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return t
}

// serial makes a serial number that begins with the time of issue, or of the enrolment where it was renewed since, so that a revocation ("all of this node
// until now") can be told from the certificate alone.
func serial(from int64) *big.Int {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(from))
	rand.Read(b[8:]) // never fails
	return new(big.Int).SetBytes(b[:])
}

func since(c *x509.Certificate) int64 {
	return new(big.Int).Rsh(c.SerialNumber, 64).Int64()
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
