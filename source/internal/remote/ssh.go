package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// sshSession is git-upload-pack run by an ssh server. go-git's own dials and shakes hands without a deadline.
type sshSession struct {
	client  *ssh.Client
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  io.Reader
	stderr  firstBytes
	closers []func() error
	stop    func() bool // ends the watch over the context
}

func dialSSH(ctx context.Context, a Address, getenv Getenv) (session, error) {
	port := a.Port
	if port == 0 {
		port = gitssh.DefaultPort
	}
	address := net.JoinHostPort(a.Host, strconv.Itoa(port))
	files := knownHosts(getenv)
	keys, err := gitssh.NewKnownHostsDb(files...)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIdentity, strings.Join(files, ", "), err)
	}
	name := a.User
	if name == "" {
		current, err := user.Current()
		if err != nil {
			return nil, err
		}
		name = current.Username
	}
	s := &sshSession{}
	signers, told := s.signers(ctx, getenv)
	var refused error
	check := keys.HostKeyCallback()
	config := &ssh.ClientConfig{
		User: name,
		Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) { return signers, nil })},
		HostKeyCallback: func(hostname string, remote net.Addr, key ssh.PublicKey) error {
			refused = check(hostname, remote, key)
			return refused
		},
		HostKeyAlgorithms: keys.HostKeyAlgorithms(address),
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		s.Close()
		return nil, err
	}
	s.closers = append(s.closers, conn.Close)
	s.stop = context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		s.Close()
		return nil, handshakeError(ctx, err, refused, address, told)
	}
	s.client = ssh.NewClient(c, channels, requests)
	if err := s.start("git-upload-pack " + quote(a.Path)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func handshakeError(ctx context.Context, err, refused error, address string, told []string) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case refused != nil:
		return fmt.Errorf("%s: %w: %w", address, ErrIdentity, refused)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("%s: no key was accepted (tried: %s)", address, strings.Join(told, ", "))
	}
	return err
}

func (s *sshSession) start(command string) (err error) {
	if s.session, err = s.client.NewSession(); err != nil {
		return err
	}
	if s.stdin, err = s.session.StdinPipe(); err != nil {
		return err
	}
	if s.stdout, err = s.session.StdoutPipe(); err != nil {
		return err
	}
	s.session.Stderr = &s.stderr
	return s.session.Start(command)
}

func (s *sshSession) AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error) {
	refs := packp.NewAdvRefs()
	err := refs.Decode(s.stdout)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, packp.ErrEmptyAdvRefs):
		return nil, transport.ErrEmptyRemoteRepository
	case errors.Is(err, packp.ErrEmptyInput):
		s.session.Wait() // its end brings the rest of standard error
		return nil, fmt.Errorf("git-upload-pack: %s", s.stderr.text())
	case err != nil:
		return nil, err
	}
	transport.FilterUnsupportedCapabilities(refs.Capabilities)
	return refs, nil
}

func (s *sshSession) UploadPack(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := req.UploadRequest.Encode(s.stdin); err != nil {
		return nil, err
	}
	if err := pktline.NewEncoder(s.stdin).EncodeString("done\n"); err != nil {
		return nil, err
	}
	response := packp.NewUploadPackResponse(req)
	if err := response.Decode(io.NopCloser(s.stdout)); err != nil {
		return nil, err
	}
	return response, nil
}

// Close ends the connection; the goroutines that x/crypto/ssh runs for it end with it.
func (s *sshSession) Close() error {
	if s.client != nil {
		s.client.Close()
		s.client.Wait()
	}
	for _, c := range s.closers {
		c()
	}
	if s.stop != nil {
		s.stop()
	}
	return nil
}

// SSHKeyEnv names the variable that holds the path of a private key to be tried before all others.
const SSHKeyEnv = "APPLY_GIT_SSH_KEY"

// signers collects the keys to offer, and what to tell the user was tried.
func (s *sshSession) signers(ctx context.Context, getenv Getenv) (signers []ssh.Signer, told []string) {
	dir := filepath.Join(home(getenv), ".ssh")
	files := []string{filepath.Join(dir, "id_ed25519"), filepath.Join(dir, "id_ecdsa"), filepath.Join(dir, "id_rsa")}
	if explicit := getenv(SSHKeyEnv); explicit != "" {
		files = append([]string{explicit}, files...)
	}
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) && file != getenv(SSHKeyEnv) {
			continue
		}
		var signer ssh.Signer
		if err == nil {
			signer, err = ssh.ParsePrivateKey(pem)
		}
		if missing := new(ssh.PassphraseMissingError); errors.As(err, &missing) {
			err = errors.New("has a passphrase: add it to the agent")
		}
		if err != nil {
			told = append(told, fmt.Sprintf("%s: %v", file, err))
			continue
		}
		signers, told = append(signers, signer), append(told, file)
	}
	socket := getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return signers, append(told, "no agent")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return signers, append(told, fmt.Sprintf("agent: %v", err))
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	s.closers = append(s.closers, func() error { stop(); return conn.Close() })
	held, err := agent.NewClient(conn).Signers()
	if err != nil {
		return signers, append(told, fmt.Sprintf("agent: %v", err))
	}
	return append(held, signers...), append(told, fmt.Sprintf("%d keys of the agent", len(held)))
}

// knownHosts are the files of host keys: those that SSH_KNOWN_HOSTS lists, else the user's and the system's.
func knownHosts(getenv Getenv) []string {
	if files := filepath.SplitList(getenv("SSH_KNOWN_HOSTS")); len(files) > 0 {
		return files
	}
	return []string{filepath.Join(home(getenv), ".ssh", "known_hosts"), "/etc/ssh/ssh_known_hosts"}
}

// quote makes one word of s for the shell at the other end.
func quote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}

// firstBytes keeps the beginning of what a server says on standard error.
type firstBytes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (f *firstBytes) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf.Write(p[:min(len(p), 1024-f.buf.Len())])
	return len(p), nil
}

func (f *firstBytes) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%q", strings.TrimSpace(f.buf.String()))
}
