package sshsig_test

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshsig"
)

// signer is a key made of a seed.
func signer(t *testing.T, seed byte) (key ssh.Signer, line string) {
	t.Helper()
	key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed)))
	if err != nil {
		t.Fatal(err)
	}
	return key, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))
}

// TestVerify: who signed, or why the signature is not good. The message is signed for "git", and checked at 2030-01-01.
func TestVerify(t *testing.T) {
	key, line := signer(t, 1)
	_, another := signer(t, 2)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, signers string
		asked         string // namespace, "git" if ""
		after         string // behind the signature
		made          string // the year in which it says that it was made, 2030 if ""
		who, refused  string // principals, or a part of the error
	}{
		{name: "listed", signers: "ann " + line, who: "ann"},
		{name: "quoted", signers: "\"ann@a, bob\"\t" + line, who: "ann@a, bob"},
		{name: "the second of two", signers: "bob " + another + "\nann " + line, who: "ann"},
		{name: "another key", signers: "bob " + another, refused: "not among the signers in list"},
		{name: "for another purpose", signers: "ann " + line, asked: "file", refused: `made for namespace "git", not "file"`},
		{name: "the key is for it", signers: `ann namespaces="file,g*" ` + line, who: "ann"},
		{name: "the key is for others", signers: `ann namespaces="file" ` + line, refused: `signed by ann (FINGERPRINT), which is not for namespace "git"`},
		{name: "the key is for all but it", signers: `ann namespaces="*,!git" ` + line, refused: `not for namespace "git"`},
		{name: "from this moment", signers: "ann valid-after=20300101Z " + line, who: "ann"},
		{name: "from a second later", signers: "ann valid-after=20300101000001Z " + line, refused: "valid from 2030-01-01T00:00:01Z only"},
		{name: "to a second later", signers: "ann valid-before=20300101000001Z " + line, who: "ann"},
		{name: "to this moment", signers: "ann valid-before=20300101Z " + line, refused: "expired on 2030-01-01T00:00:00Z"},
		{name: "not yet when it was made", signers: "ann valid-after=20290101Z " + line, made: "2028", refused: "valid from 2029-01-01T00:00:00Z only"},
		{name: "no time", signers: "ann valid-before=2029 " + line, refused: "YYYYMMDD"},
		{name: "first line over, second not", signers: "old valid-before=20290101Z " + line + "\nnew " + line, who: "new"},
		{name: "first line for others, second not", signers: "old namespaces=file " + line + "\nnew " + line, who: "new"},
		{name: "an authority", signers: "ann cert-authority " + line, refused: "cert-authority is not supported"},
		{name: "text behind it", signers: "ann " + line, after: "more", refused: "malformed armour"},
		{name: "blanks behind it", signers: "ann " + line, after: "\n \n", who: "ann"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			armoured, err := sshsig.Sign([]byte("message"), "git", key)
			if err != nil {
				t.Fatal(err)
			}
			made, err := time.Parse("2006", cmp.Or(tt.made, "2030"))
			if err != nil {
				t.Fatal(err)
			}
			tt.asked = cmp.Or(tt.asked, "git")
			var who sshsig.Signer
			signers, err := sshsig.Parse("list", "# comment\n\n"+tt.signers+"\n")
			if err == nil {
				who, err = signers.Verify([]byte("message"), armoured+tt.after, tt.asked, made, now)
			}
			text := strings.ReplaceAll(fmt.Sprint(err), ssh.FingerprintSHA256(key.PublicKey()), "FINGERPRINT")
			if (err != nil) != (tt.refused != "") || !strings.Contains(text, tt.refused) || who.Principals != tt.who {
				t.Errorf("want %q, %q; got %q, %s", tt.who, tt.refused, who.Principals, text)
			}
		})
	}
}

// TestFingerprints names the keys that are good now for what is asked.
func TestFingerprints(t *testing.T) {
	one, first := signer(t, 1)
	two, second := signer(t, 2)
	_, third := signer(t, 3)
	_, fourth := signer(t, 4)
	signers, err := sshsig.Parse("list", "a "+first+"\nb namespaces=git "+second+"\nc namespaces=file "+third+"\nd valid-before=20200101 "+fourth)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{ssh.FingerprintSHA256(one.PublicKey()), ssh.FingerprintSHA256(two.PublicKey())}
	if got := signers.Fingerprints("git", time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)); !slices.Equal(want, got) || signers.Len() != 4 {
		t.Errorf("%d keys, want %q, got %q", signers.Len(), want, got)
	}
}
