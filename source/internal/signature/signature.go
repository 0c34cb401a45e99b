// Package signature verifies the signatures of git's tags and commits, against the allowed signers of OpenSSH (ssh-keygen(1),
// ALLOWED SIGNERS) or an OpenPGP keyring.
//
// What is verified is the object as it is stored, byte by byte. A key must be valid now, and an SSH key also at the time that
// the object claims; that time alone would not do: whoever holds a stolen key that has expired since writes what he likes.
package signature

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/nodeapply/apply/source/internal/trust"
	"github.com/nodeapply/apply/sshsig"
)

const (
	pgpBegin    = "-----BEGIN PGP SIGNATURE-----"
	pgpEnd      = "-----END PGP SIGNATURE-----"
	pgpKeyBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
)

// namespace is that of git's signatures.
const namespace = "git"

const maxSignersFile = 16 << 20

// Signers are the keys whose signatures are accepted.
type Signers struct {
	file string
	ssh  *sshsig.Signers
	pgp  openpgp.EntityList
}

// Load reads a file of allowed signers, or a keyring, armoured or binary. Its errors are ordinary ones, never a trust.Err.
func Load(file string) (*Signers, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("signers: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSignersFile {
		return nil, fmt.Errorf("signers: %s: not a file of at most %d bytes", file, maxSignersFile)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("signers: %w", err)
	}
	s := &Signers{file: file}
	switch {
	case bytes.Contains(raw, []byte(pgpKeyBegin)):
		s.pgp, err = openpgp.ReadArmoredKeyRing(bytes.NewReader(raw))
	case len(raw) > 0 && raw[0]&0x80 != 0:
		s.pgp, err = openpgp.ReadKeyRing(bytes.NewReader(raw))
	default:
		s.ssh, err = sshsig.Parse(file, string(raw))
	}
	if err != nil {
		return nil, fmt.Errorf("signers: %s: %w", file, err)
	}
	if len(s.pgp) == 0 && (s.ssh == nil || s.ssh.Len() == 0) {
		return nil, fmt.Errorf("signers: %s: no key in it", file)
	}
	return s, nil
}

// Commit verifies the content of a commit object and returns who signed it. An error is a trust.Err.
func (s *Signers) Commit(raw []byte, now time.Time) (signer string, err error) {
	payload, signature, err := splitCommit(raw)
	if err != nil {
		return "", err
	}
	return s.verify(payload, signature, claimedTime(payload, "committer "), now)
}

// Tag verifies the content of a tag object and returns who signed it. An error is a trust.Err.
func (s *Signers) Tag(raw []byte, now time.Time) (signer string, err error) {
	payload, signature := splitTag(raw)
	return s.verify(payload, signature, claimedTime(payload, "tagger "), now)
}

func (s *Signers) verify(payload []byte, signature string, claimed, now time.Time) (string, error) {
	switch {
	case signature == "":
		return "", trust.Errorf("not signed")
	case claimed.IsZero():
		return "", trust.Errorf("signed, but without a time")
	case strings.HasPrefix(signature, sshsig.Begin):
		if s.pgp != nil {
			return "", trust.Errorf("signed with an SSH key, but %s is an OpenPGP keyring", s.file)
		}
		who, err := s.ssh.Verify(payload, signature, namespace, claimed, now)
		if err != nil {
			return "", trust.Errorf("%w", err)
		}
		return who.Principals, nil
	case strings.HasPrefix(signature, pgpBegin):
		if s.ssh != nil {
			return "", trust.Errorf("signed with OpenPGP, but %s has SSH keys", s.file)
		}
		return s.verifyPGP(payload, signature, now)
	}
	return "", trust.Errorf("a signature of an unknown kind")
}

// splitCommit takes the header gpgsig out of a commit: what is left was signed.
func splitCommit(raw []byte) (payload []byte, signature string, err error) {
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	var lines []string
	inside, count := false, 0
	for line := range strings.SplitSeq(string(head), "\n") {
		continued := strings.HasPrefix(line, " ")
		switch value, isSignature := strings.CutPrefix(line, "gpgsig "); {
		case isSignature:
			inside, signature = true, value
			count++
		case inside && continued:
			signature += "\n" + line[1:]
		case strings.HasPrefix(line, "gpgsig"):
			return nil, "", trust.Errorf("a signature for another hash than SHA-1")
		default:
			inside = false
			lines = append(lines, line)
		}
	}
	if count > 1 {
		return nil, "", trust.Errorf("%d signatures", count)
	}
	return []byte(strings.Join(lines, "\n") + "\n\n" + string(body)), signature, nil
}

// splitTag cuts a tag where its signature begins: at the last line that begins one, as git does.
func splitTag(raw []byte) (payload []byte, signature string) {
	at, offset := len(raw), 0
	for line := range bytes.Lines(raw) {
		if bytes.HasPrefix(line, []byte(sshsig.Begin)) || bytes.HasPrefix(line, []byte(pgpBegin)) {
			at = offset
		}
		offset += len(line)
	}
	return raw[:at], string(raw[at:])
}

// claimedTime reads the time of a header "committer NAME <MAIL> SECONDS ZONE"; zero where there is none.
func claimedTime(payload []byte, key string) time.Time {
	head, _, _ := bytes.Cut(payload, []byte("\n\n"))
	for line := range strings.SplitSeq(string(head), "\n") {
		if !strings.HasPrefix(line, key) {
			continue
		}
		fields := strings.Fields(line[strings.LastIndex(line, ">")+1:])
		if len(fields) == 0 {
			return time.Time{}
		}
		seconds, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return time.Time{}
		}
		return time.Unix(seconds, 0)
	}
	return time.Time{}
}
