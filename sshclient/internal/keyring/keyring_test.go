package keyring

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// TestCertificates: a certificate that is not valid is told beside its key, and offered all the same: the host's clock decides.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	must(t, err)
	must(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	day := func(n int) uint64 { return uint64(time.Now().AddDate(0, 0, n).Unix()) }
	for name, test := range map[string]struct {
		cert ssh.Certificate
		want string
	}{
		"valid":         {ssh.Certificate{CertType: ssh.UserCert, ValidAfter: day(-1), ValidBefore: day(1)}, file},
		"for ever":      {ssh.Certificate{CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}, file},
		"has run out":   {ssh.Certificate{CertType: ssh.UserCert, ValidAfter: day(-2), ValidBefore: day(-1)}, file + " (" + file + "-cert.pub was valid until "},
		"is to come":    {ssh.Certificate{CertType: ssh.UserCert, ValidAfter: day(1), ValidBefore: day(2)}, file + " (" + file + "-cert.pub is valid from "},
		"is of a host":  {ssh.Certificate{CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity}, file + " (" + file + "-cert.pub is a host's)"},
		"of long after": {ssh.Certificate{CertType: ssh.UserCert, ValidAfter: day(1), ValidBefore: ssh.CertTimeInfinity}, file + " (" + file + "-cert.pub is valid from "},
	} {
		t.Run(name, func(t *testing.T) {
			test.cert.Key = signer.PublicKey()
			must(t, test.cert.SignCert(rand.Reader, signer))
			must(t, os.WriteFile(file+"-cert.pub", ssh.MarshalAuthorizedKey(&test.cert), 0o600))
			signers, told := New(dir).Signers(t.Context(), Wanted{Identities: []string{file}})
			if len(signers) != 2 || len(told) != 2 || !strings.HasPrefix(told[0], test.want) || test.want == file && told[0] != file {
				t.Errorf("want %q and two signers, got %q and %d", test.want, told, len(signers))
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A pipe in the place of a key is told, and not waited for.
func TestPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "id_rsa")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if l := readKey(name, nil); l.err == nil || !strings.Contains(l.err.Error(), "is not a regular file") {
		t.Errorf("error: %v", l.err)
	}
}
