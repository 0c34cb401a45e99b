package signature

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/source/internal/trust"
)

const namespace = "git"

// allowed is one line of an allowed signers file.
type allowed struct {
	principals    string
	key           []byte // in wire form
	namespaces    string // patterns; empty: all
	after, before time.Time
}

// parseAllowed reads lines of "principals [options] type base64 [comment]". The principals are not compared with
// anything: git takes whichever the key has.
func parseAllowed(text string) ([]allowed, error) {
	var signers []allowed
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		a, err := parseAllowedLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		signers = append(signers, a)
	}
	return signers, nil
}

func parseAllowedLine(line string) (a allowed, err error) {
	principals, rest := cutWord(line)
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return a, errors.New("not of the form: principals [options] key")
	}
	a = allowed{principals: strings.Trim(principals, `"`), key: key.Marshal()}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			a.namespaces = value
		case "valid-after":
			a.after, err = parseTime(value)
		case "valid-before":
			a.before, err = parseTime(value)
		case "cert-authority":
			err = errors.New("cert-authority is not supported: list the keys themselves")
		default:
			err = fmt.Errorf("%s: not an option of allowed signers", name)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// cutWord splits at the first space or tab outside of quotes.
func cutWord(line string) (word, rest string) {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			return line[:i], strings.TrimLeft(line[i:], " \t")
		}
	}
	return line, ""
}

// parseTime reads YYYYMMDD[HHMM[SS]], in the local time zone or, with a Z, in UTC.
func parseTime(text string) (time.Time, error) {
	digits, utc := strings.CutSuffix(text, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(layout, digits, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: not of the form YYYYMMDD[HHMM[SS]][Z]", text)
}

// matches tells whether the list of patterns has this name, as ssh does it: one that begins with ! excludes.
func matches(patterns, name string) bool {
	found := false
	for p := range strings.SplitSeq(patterns, ",") {
		p, negated := strings.CutPrefix(strings.TrimSpace(p), "!")
		if ok, err := path.Match(p, name); err != nil || !ok {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// sshsig is the signature's wire form: PROTOCOL.sshsig of OpenSSH.
type sshsig struct {
	Magic         [6]byte
	Version       uint32
	PublicKey     []byte
	Namespace     string
	Reserved      string
	HashAlgorithm string
	Signature     []byte
}

// signedData is what the key has signed.
type signedData struct {
	Magic         [6]byte
	Namespace     string
	Reserved      string
	HashAlgorithm string
	Hash          []byte
}

var magic = [6]byte{'S', 'S', 'H', 'S', 'I', 'G'}

func (s *Signers) verifySSH(payload []byte, armoured string, claimed, now time.Time) (string, error) {
	sig, err := decodeSSH(armoured)
	if err != nil {
		return "", trust.Errorf("signature: %w", err)
	}
	data := signedData{Magic: magic, Namespace: sig.Namespace, Reserved: sig.Reserved, HashAlgorithm: sig.HashAlgorithm}
	switch sig.HashAlgorithm {
	case "sha256":
		h := sha256.Sum256(payload)
		data.Hash = h[:]
	case "sha512":
		h := sha512.Sum512(payload)
		data.Hash = h[:]
	default:
		return "", trust.Errorf("signature: hash algorithm %q is not supported", sig.HashAlgorithm)
	}
	key, err := ssh.ParsePublicKey(sig.PublicKey)
	if err != nil {
		return "", trust.Errorf("signature: %w", err)
	}
	if _, isCertificate := key.(*ssh.Certificate); isCertificate {
		return "", trust.Errorf("signature: made with a certificate, which is not supported")
	}
	var inner ssh.Signature
	if err := ssh.Unmarshal(sig.Signature, &inner); err != nil {
		return "", trust.Errorf("signature: %w", err)
	}
	if inner.Format == ssh.KeyAlgoRSA {
		return "", trust.Errorf("signature: made with SHA-1")
	}
	if err := key.Verify(ssh.Marshal(data), &inner); err != nil {
		return "", trust.Errorf("signature does not match: %w", err)
	}
	return s.allows(key, sig.Namespace, claimed, now)
}

func decodeSSH(armoured string) (sig sshsig, err error) {
	body, after, found := strings.Cut(strings.TrimPrefix(armoured, sshBegin), sshEnd)
	if !found || strings.TrimSpace(after) != "" {
		return sig, errors.New("malformed armour")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return sig, err
	}
	if err := ssh.Unmarshal(raw, &sig); err != nil {
		return sig, err
	}
	if sig.Magic != magic || sig.Version != 1 {
		return sig, errors.New("not of version 1")
	}
	if sig.Namespace != namespace {
		return sig, fmt.Errorf("made for namespace %q, not %q", sig.Namespace, namespace)
	}
	return sig, nil
}

// allows looks for a line with this key that is good for this namespace at these times.
func (s *Signers) allows(key ssh.PublicKey, namespace string, claimed, now time.Time) (string, error) {
	name := ssh.FingerprintSHA256(key)
	err := trust.Errorf("signed by %s, which is not among the signers in %s", name, s.file)
	for _, a := range s.ssh {
		if !bytes.Equal(a.key, key.Marshal()) {
			continue
		}
		if a.namespaces != "" && !matches(a.namespaces, namespace) {
			err = trust.Errorf("signed by %s (%s), which is not for namespace %q", a.principals, name, namespace)
			continue
		}
		for _, t := range []time.Time{claimed, now} {
			if t.Before(a.after) {
				err = trust.Errorf("signed by %s (%s), valid from %s only", a.principals, name, a.after.Format(time.RFC3339))
			}
			if !a.before.IsZero() && !t.Before(a.before) {
				err = trust.Errorf("signed by %s (%s), expired on %s", a.principals, name, a.before.Format(time.RFC3339))
			}
		}
		if valid(a, claimed) && valid(a, now) {
			return a.principals, nil
		}
	}
	return "", err
}

func valid(a allowed, t time.Time) bool {
	return !t.Before(a.after) && (a.before.IsZero() || t.Before(a.before))
}
