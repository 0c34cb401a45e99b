package sshclient

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/nodeapply/apply/sshclient/config"
)

// certified is a host's key with a certificate for these names.
func certified(t *testing.T, authority, key ssh.Signer, kind uint32, until time.Time, names ...string) ssh.Signer {
	t.Helper()
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: kind, ValidPrincipals: names, ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(until.Unix()),
	}
	must(t, cert.SignCert(rand.Reader, authority))
	signer, err := ssh.NewCertSigner(cert, key)
	must(t, err)
	return signer
}

// TestHostKeys: every form in which known_hosts knows a key, or does not.
func TestHostKeys(t *testing.T) {
	key, _ := newKey(t)
	other, _ := newKey(t)
	authority, _ := newKey(t)
	text := func(k ssh.Signer) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey()))) }
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	rsaKey, err := ssh.NewSignerFromKey(private)
	must(t, err)
	later := time.Now().Add(time.Hour)
	good := certified(t, authority, key, ssh.HostCert, later, "n1", "127.0.0.1")
	const ca = "@cert-authority * "
	for _, tt := range []struct {
		name   string
		shown  ssh.Signer
		known  string // HOST stands for [127.0.0.1]:PORT, PORT for the port
		reason string // "" for trusted
	}{
		{"by address and port", key, "HOST " + text(key), ""},
		{"by the node's name", key, "n1 " + text(key), ""},
		{"by the node's name and port", key, "[n1]:PORT " + text(key), ""},
		{"hashed", key, "HASHED " + text(key), ""},
		{"a pattern", key, "[127.0.0.*]:PORT " + text(key), ""},
		{"excluded from a pattern", key, "n*,!n1 " + text(key), "none is known"},
		{"among other keys of the host", key, "n1 " + text(other) + "\nn1 " + text(key), ""},
		{"none", key, "n2 " + text(key), "none is known"},
		{"by another port alone", key, "[127.0.0.1]:1 " + text(key), "none is known"},
		{"another", key, "[n1]:PORT " + text(other), "it changed"},
		{"another, at port 22", key, "n1 " + text(other), "none is known"},
		{"by its address, at port 22", key, "127.0.0.1 " + text(key), ""},
		{"in capitals", key, "N1 " + text(key), ""},
		{"hashed without its port", key, "HASHED22 " + text(key), ""},
		{"hashed, another", key, "HASHED " + text(other), "it changed"},
		{"a pattern for another port", key, "[127.0.0.*]:1 " + text(key), "none is known"},
		{"a pattern without a port", key, "127.0.?.1 " + text(key), ""},
		{"excluded from a pattern with its port", key, "[*]:PORT,![127.0.0.1]:PORT,!n1,![n1]:PORT " + text(key), "none is known"},
		{"another, by address", key, "HOST " + text(other) + "\nn1 " + text(key), "it changed"},
		{"revoked", key, "n1 " + text(key) + "\n@revoked * " + text(key), "revoked"},
		{"revoked for other hosts", key, "n1 " + text(key) + "\n@revoked m* " + text(key), ""},
		{"revoked by its hashed name", key, "n1 " + text(key) + "\n@revoked HASHED " + text(key), "revoked"},
		{"an authority's own key", authority, ca + text(authority), "no key of a kind"},
		{"certified by one of another kind", certified(t, rsaKey, key, ssh.HostCert, later, "n1"), ca + text(rsaKey), ""},
		{"certified for a pattern of names", certified(t, authority, key, ssh.HostCert, later, "n*"), ca + text(authority), ""},
		{"certified by another, and known by itself", good, ca + text(other) + "\nn1 " + text(key), ""},
		{"certified, for a name with its port", good, "@cert-authority [n1]:PORT " + text(authority), ""},
		{"certified, by a hashed name", good, "@cert-authority HASHED22 " + text(authority), ""},
		{"certified", good, ca + text(authority), ""},
		{"certified for the node's name alone", certified(t, authority, key, ssh.HostCert, later, "n1"), ca + text(authority), ""},
		{"certified for its address alone", certified(t, authority, key, ssh.HostCert, later, "127.0.0.1"), ca + text(authority), ""},
		{"certified, for a pattern", good, "@cert-authority n* " + text(authority), ""},
		{"certified, for other hosts", good, "@cert-authority m* " + text(authority), "none is known"},
		{"certified by another", good, ca + text(other), "not trusted"},
		{"certified for another name", certified(t, authority, key, ssh.HostCert, later, "n2"), ca + text(authority), "not trusted"},
		{"certified until yesterday", certified(t, authority, key, ssh.HostCert, time.Now().Add(-time.Minute), "n1", "127.0.0.1"), ca + text(authority), "expired"},
		{"certified as a user", certified(t, authority, key, ssh.UserCert, later, "n1", "127.0.0.1"), ca + text(authority), "not trusted"},
		{"certified by who is revoked", good, ca + text(authority) + "\n@revoked * " + text(authority), "revoked"},
		{"certified and revoked", good, ca + text(authority) + "\n@revoked * " + text(key), "revoked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			user, file := newKey(t)
			address, _ := server(t, tt.shown, user.PublicKey(), nil, 0)
			_, port, err := net.SplitHostPort(address)
			must(t, err)
			lines := strings.NewReplacer("HOST", "[127.0.0.1]:"+port, "PORT", port, "HASHED22", knownhosts.HashHostname("127.0.0.1"), "HASHED", knownhosts.HashHostname(knownhosts.Normalize(address))).Replace(tt.known)
			known := filepath.Join(t.TempDir(), "known_hosts")
			must(t, os.WriteFile(known, []byte(lines+"\n"), 0o600))
			d := New(Options{User: "root", Home: t.TempDir(), Identities: []string{file}, KnownHosts: []string{known}})
			defer d.Close()
			client, err := d.Dial(t.Context(), Target{Name: "n1", Address: address})
			if err == nil {
				client.Close()
			}
			switch {
			case tt.reason == "" && err != nil:
				t.Error(err)
			case tt.reason != "" && (!errors.Is(err, ErrHostKey) || !strings.Contains(fmt.Sprint(err), tt.reason)):
				t.Errorf("want it not to be trusted, with %q, got %v", tt.reason, err)
			}
		})
	}
}

// TestRevokedHostKeys: a file of revoked keys counts for every host, and has to be there.
func TestRevokedHostKeys(t *testing.T) {
	key, _ := newKey(t)
	other, _ := newKey(t)
	line := func(k ssh.Signer) string { return string(ssh.MarshalAuthorizedKey(k.PublicKey())) }
	for name, tt := range map[string]struct{ text, reason string }{
		"another":  {"# ours\n" + line(other), ""},
		"this one": {line(other) + line(key), "revoked"},
		"no file":  {"", "no such file"},
		"a KRL":    {"SSHKRL\n\x00\x00", "one public key a line"},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			user, file := newKey(t)
			address, _ := server(t, key, user.PublicKey(), nil, 0)
			known := filepath.Join(home, "known_hosts")
			must(t, os.WriteFile(known, []byte("n1 "+line(key)), 0o600))
			if tt.text != "" {
				must(t, os.WriteFile(filepath.Join(home, "revoked"), []byte(tt.text), 0o600))
			}
			must(t, os.WriteFile(filepath.Join(home, "config"), []byte("RevokedHostKeys ~/revoked\n"), 0o600))
			c, err := config.Read(home, filepath.Join(home, "config"))
			must(t, err)
			d := New(Options{User: "root", Home: home, Identities: []string{file}, KnownHosts: []string{known}, Config: c})
			defer d.Close()
			client, err := d.Dial(t.Context(), Target{Name: "n1", Address: address})
			if err == nil {
				client.Close()
			}
			if tt.reason == "" && err != nil || tt.reason != "" && !strings.Contains(fmt.Sprint(err), tt.reason) {
				t.Errorf("want %q, got %v", tt.reason, err)
			}
		})
	}
}
