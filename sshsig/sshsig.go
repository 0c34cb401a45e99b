// Package sshsig makes and verifies signatures by keys of ssh, in the form of ssh-keygen -Y sign (PROTOCOL.sshsig of OpenSSH), against allowed signers
// (ssh-keygen(1), ALLOWED SIGNERS).
//
// A signature is for a namespace, such as "git": one that was made for another purpose does not count. Certificates and SHA-1 are refused.
package sshsig

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Begin and End are the lines around a signature.
const (
	Begin = "-----BEGIN SSH SIGNATURE-----"
	End   = "-----END SSH SIGNATURE-----"
)

// Signers are the lines of an allowed signers file.
type Signers struct {
	file  string
	lines []allowed
}

// allowed is one line of an allowed signers file.
type allowed struct {
	principals    string
	key           []byte // in wire form
	namespaces    string // patterns; empty: all
	after, before time.Time
}

// Parse reads lines of "principals [options] type base64 [comment]" of a file, which is named in errors. The principals are not compared with anything:
// they say who has the key.
func Parse(file, text string) (*Signers, error) {
	signers := &Signers{file: file}
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
		signers.lines = append(signers.lines, a)
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

// Len is how many keys there are.
func (s *Signers) Len() int { return len(s.lines) }

// Fingerprints are those of the keys that are good for a namespace at a time.
func (s *Signers) Fingerprints(namespace string, now time.Time) []string {
	var out []string
	for _, a := range s.lines {
		key, err := ssh.ParsePublicKey(a.key)
		if err == nil && (a.namespaces == "" || matches(a.namespaces, namespace)) && valid(a, now) {
			out = append(out, ssh.FingerprintSHA256(key))
		}
	}
	return out
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

// wireForm is a signature as it is transmitted.
type wireForm struct {
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

// Sign signs a message for a namespace.
func Sign(message []byte, namespace string, key ssh.Signer) (string, error) {
	sum := sha512.Sum512(message)
	data := ssh.Marshal(signedData{Magic: magic, Namespace: namespace, HashAlgorithm: "sha512", Hash: sum[:]})
	var inner *ssh.Signature
	var err error
	if a, ok := key.(ssh.AlgorithmSigner); ok && key.PublicKey().Type() == ssh.KeyAlgoRSA {
		inner, err = a.SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoRSASHA512)
	} else {
		inner, err = key.Sign(rand.Reader, data)
	}
	if err != nil {
		return "", fmt.Errorf("signature: %w", err)
	}
	raw := ssh.Marshal(wireForm{
		Magic: magic, Version: 1, PublicKey: key.PublicKey().Marshal(), Namespace: namespace, HashAlgorithm: "sha512", Signature: ssh.Marshal(inner),
	})
	var b strings.Builder
	b.WriteString(Begin + "\n")
	for text := base64.StdEncoding.EncodeToString(raw); text != ""; {
		n := min(len(text), 70)
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	return b.String() + End + "\n", nil
}

// Signer is who made a signature.
type Signer struct {
	Principals  string
	Fingerprint string // of the key
}

// Verify verifies a signature of a message for a namespace, by a key that is valid at each of the times, and returns who signed.
func (s *Signers) Verify(message []byte, armoured, namespace string, times ...time.Time) (Signer, error) {
	sig, err := decode(armoured, namespace)
	if err != nil {
		return Signer{}, fmt.Errorf("signature: %w", err)
	}
	data := signedData{Magic: magic, Namespace: sig.Namespace, Reserved: sig.Reserved, HashAlgorithm: sig.HashAlgorithm}
	switch sig.HashAlgorithm {
	case "sha256":
		h := sha256.Sum256(message)
		data.Hash = h[:]
	case "sha512":
		h := sha512.Sum512(message)
		data.Hash = h[:]
	default:
		return Signer{}, fmt.Errorf("signature: hash algorithm %q is not supported", sig.HashAlgorithm)
	}
	key, err := ssh.ParsePublicKey(sig.PublicKey)
	if err != nil {
		return Signer{}, fmt.Errorf("signature: %w", err)
	}
	if _, isCertificate := key.(*ssh.Certificate); isCertificate {
		return Signer{}, errors.New("signature: made with a certificate, which is not supported")
	}
	var inner ssh.Signature
	if err := ssh.Unmarshal(sig.Signature, &inner); err != nil {
		return Signer{}, fmt.Errorf("signature: %w", err)
	}
	if inner.Format == ssh.KeyAlgoRSA {
		return Signer{}, errors.New("signature: made with SHA-1")
	}
	if err := key.Verify(ssh.Marshal(data), &inner); err != nil {
		return Signer{}, fmt.Errorf("signature does not match: %w", err)
	}
	return s.allows(key, sig.Namespace, times)
}

func decode(armoured, namespace string) (sig wireForm, err error) {
	body, after, found := strings.Cut(strings.TrimPrefix(armoured, Begin), End)
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
func (s *Signers) allows(key ssh.PublicKey, namespace string, times []time.Time) (Signer, error) {
	name := ssh.FingerprintSHA256(key)
	err := fmt.Errorf("signed by %s, which is not among the signers in %s", name, s.file)
	for _, a := range s.lines {
		if !bytes.Equal(a.key, key.Marshal()) {
			continue
		}
		if a.namespaces != "" && !matches(a.namespaces, namespace) {
			err = fmt.Errorf("signed by %s (%s), which is not for namespace %q", a.principals, name, namespace)
			continue
		}
		good := true
		for _, t := range times {
			if t.Before(a.after) {
				err = fmt.Errorf("signed by %s (%s), valid from %s only", a.principals, name, a.after.Format(time.RFC3339))
			}
			if !a.before.IsZero() && !t.Before(a.before) {
				err = fmt.Errorf("signed by %s (%s), expired on %s", a.principals, name, a.before.Format(time.RFC3339))
			}
			good = good && valid(a, t)
		}
		if good {
			return Signer{a.principals, name}, nil
		}
	}
	return Signer{}, err
}

func valid(a allowed, t time.Time) bool {
	return !t.Before(a.after) && (a.before.IsZero() || t.Before(a.before))
}
