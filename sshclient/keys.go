package sshclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// keyring holds what is read once for all hosts: private keys, the agent's keys, and files of known hosts.
type keyring struct {
	home   string
	socket string // of the agent, "" for none

	mu     sync.Mutex
	files  map[string]loaded
	hosts  map[string]hostKeys
	agent  []ssh.Signer
	told   string // what came of the agent
	conn   net.Conn
	dialed bool
}

type loaded struct {
	signers []ssh.Signer
	err     error
}

type hostKeys struct {
	db  *knownhosts.HostKeyDB
	err error
}

// agentPatience bounds the wait for an agent that may be asking its owner.
const agentPatience = 10 * time.Second

// signers are the keys to offer to a host, those that were named first, and what to tell of those that cannot be used.
func (k *keyring) signers(ctx context.Context, e *endpoint) (signers []ssh.Signer, told []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	files := e.identities
	if len(files) == 0 {
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			files = append(files, filepath.Join(k.home, ".ssh", name))
		}
	}
	for _, f := range files {
		l := k.load(f, e.certs)
		switch {
		case errors.Is(l.err, fs.ErrNotExist) && len(e.identities) == 0:
		case l.err != nil:
			told = append(told, l.err.Error())
		default:
			signers, told = append(signers, l.signers...), append(told, f)
		}
	}
	held := k.held(ctx)
	told = append(told, k.told)
	if e.only {
		return signers, told
	}
	if len(e.identities) > 0 { // named keys come first: a server allows few attempts
		return slices.Concat(signers, held), told
	}
	return slices.Concat(held, signers), told
}

// load reads a private key and the certificates that are for it.
func (k *keyring) load(file string, certs []string) loaded {
	key := strings.Join(append([]string{file}, certs...), "\x00")
	if l, ok := k.files[key]; ok {
		return l
	}
	l := readKey(file, append([]string{file + "-cert.pub"}, certs...))
	k.files[key] = l
	return l
}

func readKey(file string, certs []string) loaded {
	pem, err := os.ReadFile(file)
	if err != nil {
		return loaded{err: err}
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if missing := new(ssh.PassphraseMissingError); errors.As(err, &missing) {
		err = errors.New("has a passphrase: add it to the agent")
	}
	if err != nil {
		return loaded{err: fmt.Errorf("%s: %w", file, err)}
	}
	var signers []ssh.Signer
	for _, name := range certs {
		text, err := os.ReadFile(name)
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
			}
		}
	}
	return loaded{signers: append(signers, signer)}
}

// held are the agent's keys, asked for once.
func (k *keyring) held(ctx context.Context) []ssh.Signer {
	if k.dialed {
		return k.agent
	}
	k.dialed = true
	if k.socket == "" {
		k.told = "no agent"
		return nil
	}
	conn, err := (&net.Dialer{Timeout: agentPatience}).DialContext(ctx, "unix", k.socket)
	if err != nil {
		k.told = fmt.Sprintf("agent: %v", err)
		return nil
	}
	k.conn = conn
	if err = conn.SetDeadline(time.Now().Add(agentPatience)); err == nil {
		k.agent, err = agent.NewClient(conn).Signers()
	}
	switch {
	case err != nil:
		k.told = fmt.Sprintf("agent: %v", err)
	case len(k.agent) == 0:
		k.told = "the agent holds no key, or is locked"
	default:
		k.told = fmt.Sprintf("%d keys of the agent", len(k.agent))
		for i, s := range k.agent {
			if a, ok := s.(ssh.AlgorithmSigner); ok {
				k.agent[i] = &patient{a, conn}
			}
		}
	}
	return k.agent
}

// patient is a key of the agent. Its owner may be asked at each use: that has its time too.
type patient struct {
	ssh.AlgorithmSigner
	conn net.Conn
}

// Sign signs.
func (p *patient) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return p.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm signs.
func (p *patient) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if err := p.conn.SetDeadline(time.Now().Add(agentPatience)); err != nil {
		return nil, err
	}
	return p.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

func (k *keyring) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == nil {
		return nil
	}
	return k.conn.Close()
}

// known are the host keys in those files that are there.
func (k *keyring) known(files []string) (*knownhosts.HostKeyDB, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := strings.Join(files, "\x00")
	if h, ok := k.hosts[key]; ok {
		return h.db, h.err
	}
	var there []string
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			there = append(there, f)
		}
	}
	db, err := knownhosts.NewDB(there...)
	if err != nil {
		err = fmt.Errorf("known hosts: %w", err)
	}
	k.hosts[key] = hostKeys{db, err}
	return db, err
}

// check is strict: a host key that is not known, or another than the known one, is refused.
func check(db *knownhosts.HostKeyDB, e *endpoint, remote net.Addr, key ssh.PublicKey) error {
	callback := db.HostKeyCallback()
	for _, name := range e.keyNames {
		err := callback(name, remote, key)
		switch {
		case err == nil:
			return nil
		case knownhosts.IsHostUnknown(err):
		case knownhosts.IsHostKeyChanged(err):
			return fmt.Errorf("%w: it changed: the host shows %s %s, which is not the one in known_hosts", ErrHostKey, key.Type(), ssh.FingerprintSHA256(key))
		default:
			return fmt.Errorf("%w: %w", ErrHostKey, err)
		}
	}
	return fmt.Errorf("%w: none is known (%s)", ErrHostKey, strings.Join(e.knownHosts, ", "))
}

// algorithms are those of the host keys that are known, so that the host shows one of these.
func algorithms(db *knownhosts.HostKeyDB, e *endpoint) []string {
	for _, name := range e.keyNames {
		if found := db.HostKeyAlgorithms(name); len(found) > 0 {
			return found
		}
	}
	return nil
}
