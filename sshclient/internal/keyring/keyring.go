// Package keyring holds the private keys that a user's ssh would offer: those of files and those of the agent.
package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Keyring reads each file, and asks each agent, once for all hosts. It may be used by several goroutines.
type Keyring struct {
	home string

	mu     sync.Mutex
	files  map[string]loaded
	agents map[string]*held // by their sockets
}

type loaded struct {
	signers []ssh.Signer
	note    string // on its certificates
	err     error
	public  ssh.PublicKey // of a key that cannot be used itself, and that the agent may hold; nil where it is not known
}

// New returns the keys of a user with this home folder.
func New(home string) *Keyring {
	return &Keyring{home: home, files: map[string]loaded{}, agents: map[string]*held{}}
}

// Wanted are the keys that are meant for a host.
type Wanted struct {
	Identities []string // files
	Certs      []string // files
	Agent      string   // the agent's socket, "" for none
	Only       bool     // offer no other keys than Identities
}

// Signers are the keys to offer to a host, those that were named first, and what to tell of those that cannot be used.
func (k *Keyring) Signers(ctx context.Context, w Wanted) (signers []ssh.Signer, told []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	files := w.Identities
	if len(files) == 0 {
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"} {
			files = append(files, filepath.Join(k.home, ".ssh", name))
		}
	}
	a := k.agent(ctx, w.Agent)
	for _, f := range files {
		l := k.load(f, w.Certs)
		switch its := same(a.signers, l.public); {
		case len(its) > 0:
			signers, told = append(signers, its...), append(told, f)
		case errors.Is(l.err, fs.ErrNotExist) && len(w.Identities) == 0:
		case l.err != nil:
			told = append(told, l.err.Error())
		default:
			signers, told = append(signers, l.signers...), append(told, f+l.note)
		}
	}
	told = append(told, a.told)
	switch {
	case w.Only:
	case len(w.Identities) > 0: // named keys come first: a server allows few attempts
		signers = slices.Concat(signers, a.signers)
	default:
		signers = slices.Concat(a.signers, signers)
	}
	return once(signers), told
}

// same are the agent's keys with this public part, certified or not.
func same(held []ssh.Signer, public ssh.PublicKey) (out []ssh.Signer) {
	for _, s := range held {
		key := s.PublicKey()
		if a, ok := key.(*agent.Key); ok {
			if parsed, err := ssh.ParsePublicKey(a.Blob); err == nil {
				key = parsed
			}
		}
		if cert, ok := key.(*ssh.Certificate); ok {
			key = cert.Key
		}
		if public != nil && bytes.Equal(key.Marshal(), public.Marshal()) {
			out = append(out, s)
		}
	}
	return out
}

// once takes away what is there before.
func once(signers []ssh.Signer) (out []ssh.Signer) {
	seen := map[string]bool{}
	for _, s := range signers {
		if key := string(s.PublicKey().Marshal()); !seen[key] {
			seen[key] = true
			out = append(out, s)
		}
	}
	return out
}

// load reads a private key and the certificates that are for it.
func (k *Keyring) load(file string, certs []string) loaded {
	key := strings.Join(append([]string{file}, certs...), "\x00")
	if l, ok := k.files[key]; ok {
		return l
	}
	l := readKey(file, append([]string{file + "-cert.pub"}, certs...))
	k.files[key] = l
	return l
}

func readKey(file string, certs []string) loaded {
	pem, err := read(file)
	if err != nil {
		return loaded{err: err, public: publicKey(file + ".pub")}
	}
	signer, err := ssh.ParsePrivateKey(pem)
	public := publicKey(file) // whose private part is a token's, say
	if missing, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
		err = errors.New("has a passphrase: add it to the agent")
		if public = missing.PublicKey; public == nil {
			public = publicKey(file + ".pub")
		}
	} else if public != nil {
		err = errors.New("is a public key, and the agent does not hold its private one")
	}
	if err != nil {
		return loaded{err: fmt.Errorf("%s: %w", file, err), public: public}
	}
	var signers []ssh.Signer
	note := ""
	for _, name := range certs {
		text, err := read(name)
		if err != nil {
			continue // none is needed
		}
		public, _, _, _, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			return loaded{err: fmt.Errorf("%s: %w", name, err)}
		}
		if cert, ok := public.(*ssh.Certificate); ok {
			if withCert, err := ssh.NewCertSigner(cert, signer); err == nil { // else it is for another key
				signers = append(signers, withCert)
				note += validity(name, cert, time.Now())
			}
		}
	}
	return loaded{signers: append(signers, signer), note: note}
}

// validity tells of a certificate that is not valid now; by the clock of this machine, so that it is offered all the same.
func validity(name string, c *ssh.Certificate, now time.Time) string {
	switch at := uint64(now.Unix()); {
	case c.CertType != ssh.UserCert:
		return fmt.Sprintf(" (%s is a host's)", name)
	case c.ValidBefore != ssh.CertTimeInfinity && at >= c.ValidBefore:
		return fmt.Sprintf(" (%s was valid until %s)", name, time.Unix(int64(c.ValidBefore), 0).UTC().Format(time.RFC3339))
	case at < c.ValidAfter:
		return fmt.Sprintf(" (%s is valid from %s)", name, time.Unix(int64(c.ValidAfter), 0).UTC().Format(time.RFC3339))
	}
	return ""
}

// publicKey reads the file of a public key; nil where it is none.
func publicKey(file string) ssh.PublicKey {
	text, err := read(file)
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return key
}

// read returns what a file holds. To open a named pipe would keep all hosts waiting, and nothing could end that.
func read(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a regular file", name)
	}
	return io.ReadAll(f)
}
