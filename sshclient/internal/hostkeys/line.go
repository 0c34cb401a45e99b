package hostkeys

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"iter"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshclient/config"
)

// The markers of lines, see sshd(8).
const (
	authorityKey = "cert-authority"
	revokedKey   = "revoked"
)

// line is one of a file of known hosts: a key, and for which hosts.
type line struct {
	marker     string   // "" for none
	patterns   []string // in lower case
	salt, hash []byte   // of the one name, in place of patterns
	key        ssh.PublicKey
	at         string // FILE:LINE
}

// parse reads a file. Lines that cannot be read are passed over, as ssh(1) does: one of an unknown kind of key, or of an older protocol, must not keep from all
// other hosts.
func parse(file string, text []byte) (out []line) {
	number := 0
	for b := range bytes.Lines(text) {
		number++
		marker, hosts, key, _, _, err := ssh.ParseKnownHosts(b)
		if err != nil || marker != "" && marker != authorityKey && marker != revokedKey {
			continue
		}
		l := line{marker: marker, key: key, at: fmt.Sprintf("%s:%d", file, number)}
		if hashed, ok := strings.CutPrefix(hosts[0], "|1|"); ok {
			salt, hash, _ := strings.Cut(hashed, "|")
			if l.salt, err = base64.StdEncoding.DecodeString(salt); err != nil {
				continue
			}
			if l.hash, err = base64.StdEncoding.DecodeString(hash); err != nil {
				continue
			}
		} else {
			for _, h := range hosts {
				l.patterns = append(l.patterns, strings.ToLower(h))
			}
		}
		out = append(out, l)
	}
	return out
}

// isFor tells whether a line is for a host in one of the forms of its name.
func (l *line) isFor(form string) bool {
	if l.salt == nil {
		return config.Listed(l.patterns, form)
	}
	mac := hmac.New(sha1.New, l.salt)
	mac.Write([]byte(form))
	return hmac.Equal(mac.Sum(nil), l.hash)
}

// of are the lines that are for a host in one of the forms of its name.
func (k *Known) of(form string) iter.Seq[*line] {
	return func(yield func(*line) bool) {
		for i := range k.lines {
			if l := &k.lines[i]; l.isFor(form) && !yield(l) {
				return
			}
		}
	}
}

// forms are how files write a name that is HOST:PORT: HOST at port 22; [HOST]:PORT elsewhere, and then HOST, which counts where the key is the host's.
func forms(name string) []string {
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		return nil
	}
	if host = strings.ToLower(host); port == "22" {
		return []string{host}
	}
	return []string{"[" + host + "]:" + port, host}
}
