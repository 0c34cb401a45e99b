// Package hostkeys knows hosts by their keys, from files of known hosts, as ssh(1) reads them.
package hostkeys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshclient/config"
)

// ErrUntrusted is wrapped by the errors of Check.
var ErrUntrusted = errors.New("host key not trusted")

// Files reads each list of files once. It may be used by several goroutines.
type Files struct {
	mu   sync.Mutex
	read map[string]read
}

type read struct {
	known *Known
	err   error
}

// NewFiles has read nothing yet.
func NewFiles() *Files { return &Files{read: map[string]read{}} }

// Known are the host keys of a list of files.
type Known struct {
	lines []line
	files []string
}

// Known are the host keys in those files of known hosts that are there. Revoked is a file of keys that no host may show, which must be there; "" for none.
func (k *Files) Known(files []string, revoked string) (*Known, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := strings.Join(append([]string{revoked}, files...), "\x00")
	r, ok := k.read[key]
	if !ok {
		r.known = &Known{files: files}
		r.err = r.known.readAll(revoked)
		k.read[key] = r
	}
	return r.known, r.err
}

func (k *Known) readAll(revoked string) error {
	for _, file := range k.files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("known hosts: %w", err)
		}
		k.lines = append(k.lines, parse(file, text)...)
	}
	if revoked == "" {
		return nil
	}
	text, err := os.ReadFile(revoked)
	if err != nil {
		return fmt.Errorf("revoked host keys: %w", err)
	}
	for l := range bytes.Lines(text) {
		if l = bytes.TrimSpace(l); len(l) == 0 || l[0] == '#' {
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(l)
		if err != nil {
			return fmt.Errorf("revoked host keys: %s: want one public key a line (ssh's own form of revocation lists is not followed here)", revoked)
		}
		k.lines = append(k.lines, line{marker: revokedKey, patterns: []string{"*"}, key: key, at: revoked})
	}
	return nil
}

// Check is strict: a key that is not known under any of a host's names (each HOST:PORT), or another than the known one, is refused. A certificate may be for
// any of them. A name at another port than 22 is looked for with it, and then without.
func (k *Known) Check(names []string, key ssh.PublicKey) error {
	if l := k.revoking(names, key); l != nil {
		return fmt.Errorf("%w: %s %s is revoked (%s)", ErrUntrusted, key.Type(), ssh.FingerprintSHA256(key), l.at)
	}
	var bad error
	if cert, ok := key.(*ssh.Certificate); ok {
		if bad = k.certified(names, cert); bad == nil {
			return nil
		}
		key = cert.Key // which may be known by itself
	}
	for _, name := range names {
		for i, form := range forms(name) {
			other := false
			for l := range k.of(form) {
				if l.marker == "" && same(l.key, key) {
					return nil
				}
				other = other || l.marker == ""
			}
			if other && i == 0 {
				return fmt.Errorf("%w: it changed: the host shows %s %s, which is not the one in known_hosts", ErrUntrusted, key.Type(), ssh.FingerprintSHA256(key))
			}
		}
	}
	if bad != nil && !errors.Is(bad, errNoAuthority) {
		return fmt.Errorf("%w: %w", ErrUntrusted, bad)
	}
	return fmt.Errorf("%w: none is known (%s)", ErrUntrusted, strings.Join(k.files, ", "))
}

// revoking is a line by which a key, what it certifies or who certified it counts no more.
func (k *Known) revoking(names []string, key ssh.PublicKey) *line {
	keys := []ssh.PublicKey{key}
	if cert, ok := key.(*ssh.Certificate); ok {
		keys = []ssh.PublicKey{cert.Key, cert.SignatureKey}
	}
	for _, name := range names {
		for _, form := range forms(name) {
			for l := range k.of(form) {
				if l.marker == revokedKey && slices.ContainsFunc(keys, func(key ssh.PublicKey) bool { return same(l.key, key) }) {
					return l
				}
			}
		}
	}
	return nil
}

// errNoAuthority is a certificate of an authority that is not known for a host.
var errNoAuthority = errors.New("its authority is not known for the host")

// certified checks a certificate: it has to be for one of the names, by an authority that is known for it.
func (k *Known) certified(names []string, cert *ssh.Certificate) error {
	bad := errNoAuthority
	for _, name := range names {
		if !k.trusts(name, cert.SignatureKey) {
			continue
		}
		err := validFor(cert, name)
		if err == nil {
			return nil
		}
		if errors.Is(bad, errNoAuthority) {
			bad = err
		}
	}
	return bad
}

// trusts tells whether an authority is known for a host.
func (k *Known) trusts(name string, authority ssh.PublicKey) bool {
	for _, form := range forms(name) {
		for l := range k.of(form) {
			if l.marker == authorityKey && same(l.key, authority) {
				return true
			}
		}
	}
	return false
}

// validFor tells whether a certificate is a host's, is valid now, and names the host: by itself or by a pattern.
func validFor(cert *ssh.Certificate, name string) error {
	if cert.CertType != ssh.HostCert {
		return errors.New("its certificate is not a host's")
	}
	host, _, err := net.SplitHostPort(name)
	if err != nil {
		return err
	}
	host = strings.ToLower(host)
	if i := slices.IndexFunc(cert.ValidPrincipals, func(p string) bool { return config.Listed([]string{p}, host) }); i >= 0 {
		host = cert.ValidPrincipals[i]
	}
	return new(ssh.CertChecker).CheckCert(host, cert)
}

// Algorithms are those that a host is asked to show its key by, so that it shows one that is known; nil where none is. A certificate may be of any kind,
// whatever its authority's is.
func (k *Known) Algorithms(names []string) (out []string) {
	var certified, plain []string
	for _, name := range names {
		for _, form := range forms(name) {
			for l := range k.of(form) {
				switch l.marker {
				case authorityKey:
					certified = certificates()
				case "":
					plain = append(plain, algorithms(l.key.Type())...)
				}
			}
		}
	}
	for _, a := range slices.Concat(certified, plain) {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// algorithms are those by which a key of a kind signs.
func algorithms(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{kind}
}

// certificates are the algorithms of all kinds of certificates.
func certificates() []string {
	return slices.DeleteFunc(slices.Concat(ssh.SupportedAlgorithms().HostKeys, []string{ssh.CertAlgoRSAv01}), func(a string) bool {
		return !strings.HasSuffix(a, "-cert-v01@openssh.com")
	})
}

func same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
