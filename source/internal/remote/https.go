package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/nodeapply/apply/source/internal/netrc"
)

// credentialsEnv names the variable that holds credentials for https servers: URLs of the form https://user:password@host,
// separated by spaces. Each is sent to its own host only.
const credentialsEnv = "APPLY_GIT_CREDENTIALS"

// httpsSession is go-git's session with the errors of TLS told apart.
type httpsSession struct {
	transport.UploadPackSession
	transport *http.Transport
}

func newHTTPS(a Address, getenv Getenv) (session, error) {
	roots, err := certificates(getenv)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	auth, err := credentials(a, getenv)
	if err != nil {
		return nil, err
	}
	endpoint := &transport.Endpoint{Protocol: "https", Host: a.Host, Port: a.Port, Path: a.Path}
	if strings.Contains(a.Host, ":") {
		endpoint.Host = "[" + a.Host + "]"
	}
	var method transport.AuthMethod
	if auth != nil {
		method = auth
	}
	s, err := githttp.NewClient(&http.Client{Transport: t}).NewUploadPackSession(endpoint, method)
	if err != nil {
		return nil, err
	}
	return &httpsSession{s, t}, nil
}

func (s *httpsSession) AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error) {
	refs, err := s.UploadPackSession.AdvertisedReferencesContext(ctx)
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	case errors.Is(err, transport.ErrAuthenticationRequired):
		return nil, fmt.Errorf("%w: put a login into ~/.netrc or %s", err, credentialsEnv)
	}
	return refs, err
}

func (s *httpsSession) Close() error {
	err := s.UploadPackSession.Close()
	s.transport.CloseIdleConnections()
	return err
}

// certificates are the authorities to trust: those of GIT_SSL_CAINFO, as git has it, else the system's (nil).
func certificates(getenv Getenv) (*x509.CertPool, error) {
	file := getenv("GIT_SSL_CAINFO")
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("GIT_SSL_CAINFO: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("GIT_SSL_CAINFO: %s: no certificate in it", file)
	}
	return pool, nil
}

// credentials are those for this host: of the environment, else of the netrc file; nil where there are none.
func credentials(a Address, getenv Getenv) (*githttp.BasicAuth, error) {
	for word := range strings.FieldsSeq(getenv(credentialsEnv)) {
		u, err := url.Parse(word)
		if err != nil || u.Scheme != "https" || u.User == nil || u.Host == "" {
			return nil, fmt.Errorf("%s: not of the form https://user:password@host", credentialsEnv)
		}
		password, _ := u.User.Password()
		if strings.EqualFold(u.Hostname(), a.Host) && portOf(u) == a.httpsPort() && (a.User == "" || a.User == u.User.Username()) {
			return &githttp.BasicAuth{Username: u.User.Username(), Password: password}, nil
		}
	}
	file := getenv("NETRC")
	if file == "" {
		file = filepath.Join(home(getenv), ".netrc")
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("netrc: %w", err)
	}
	for _, l := range netrc.Parse(string(text)) {
		if strings.EqualFold(l.Machine, a.Host) && (a.User == "" || a.User == l.Name) {
			return &githttp.BasicAuth{Username: l.Name, Password: l.Password}, nil
		}
	}
	return nil, nil
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "443"
}

func (a Address) httpsPort() string {
	if a.Port == 0 {
		return "443"
	}
	return fmt.Sprint(a.Port)
}
