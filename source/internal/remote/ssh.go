package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshclient"
	"github.com/nodeapply/apply/sshclient/config"
)

// sshKeyEnv names the variable that holds the path of a private key to be tried before all others.
const sshKeyEnv = "APPLY_GIT_SSH_KEY"

// sshSession is git-upload-pack run by an ssh server. go-git's own dials and shakes hands without a deadline.
type sshSession struct {
	dialer  *sshclient.Dialer
	client  *ssh.Client
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  io.Reader
	stderr  firstBytes
	stops   []func() bool // end the watch over contexts
}

func dialSSH(ctx context.Context, a Address, getenv Getenv) (session, error) {
	dialer, err := newDialer(getenv)
	if err != nil {
		return nil, err
	}
	s := &sshSession{dialer: dialer}
	s.client, err = dialer.Dial(ctx, sshclient.Target{Name: a.Host, Port: a.Port, User: a.User})
	if errors.Is(err, sshclient.ErrHostKey) {
		err = fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if err == nil {
		s.endWith(ctx)
		err = s.start("git-upload-pack " + quote(a.Path))
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", a.Host, err)
	}
	return s, nil
}

// newDialer reads what there is to know of the user's ssh.
func newDialer(getenv Getenv) (*sshclient.Dialer, error) {
	dir := home(getenv)
	known, err := config.Read(dir, filepath.Join(dir, ".ssh", "config"), "/etc/ssh/ssh_config")
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	o := sshclient.Options{
		User: me.Username, Home: dir, Agent: getenv("SSH_AUTH_SOCK"), Config: known, KnownHosts: filepath.SplitList(getenv("SSH_KNOWN_HOSTS")),
		Timeout: sshTimeout,
	}
	if key := getenv(sshKeyEnv); key != "" {
		o.Identities = []string{key}
	}
	return sshclient.New(o), nil
}

// sshTimeout bounds connecting to a server and logging in.
const sshTimeout = 20 * time.Second

// endWith ends whatever waits for the server when ctx ends.
func (s *sshSession) endWith(ctx context.Context) {
	s.stops = append(s.stops, context.AfterFunc(ctx, func() { s.client.Close() }))
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

func (s *sshSession) UploadPack(ctx context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	s.endWith(ctx)
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
	for _, stop := range s.stops {
		stop()
	}
	if s.client != nil {
		s.client.Close()
		s.client.Wait()
	}
	return s.dialer.Close()
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
