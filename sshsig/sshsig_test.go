package sshsig_test

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshsig"
)

// FuzzVerify: what others send as a signature, and lines of signers, never end in more than an error; nothing but the signature of this very message by a
// key that is listed is good.
func FuzzVerify(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		f.Fatal(err)
	}
	line := `ann namespaces="git,x*",valid-after="20200101Z",valid-before=20400101 ` + string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	good, err := sshsig.Sign([]byte("message"), "git", signer)
	if err != nil {
		f.Fatal(err)
	}
	other, err := sshsig.Sign([]byte("another message"), "git", signer)
	if err != nil {
		f.Fatal(err)
	}
	for _, armoured := range []string{good, other, strings.ReplaceAll(good, "\n", ""), good[:90] + sshsig.End, "", sshsig.Begin + sshsig.End} {
		f.Add(line, armoured)
	}
	f.Add("# nobody\n\n\"a b\" cert-authority "+line[4:], good)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, lines, armoured string) {
		signers, err := sshsig.Parse("signers", lines)
		if err != nil {
			return
		}
		fingerprints := signers.Fingerprints("git", now)
		if _, err := signers.Verify([]byte("not what was signed"), armoured, "git", now); err == nil {
			t.Error("a signature is good for another message")
		}
		who, err := signers.Verify([]byte("message"), armoured, "git", now)
		if err != nil {
			return
		}
		if slices.Contains(fingerprints, who.Fingerprint) {
			return
		}
		t.Errorf("signed by %v, who is not among %q", who, fingerprints)
	})
}
