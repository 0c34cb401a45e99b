// Package remote asks a git server, or a repository on this node, for its references and for packs of objects.
//
// A URL is https, ssh (also as user@host:path) or file. Every exchange ends when its context does. Credentials go to the host
// that the URL names and to no other: redirects to another host are followed without them.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"github.com/nodeapply/apply/source/internal/odb"
)

// Hash is the name of an object.
type Hash = odb.Hash

// Getenv looks up a variable of the environment, as os.Getenv.
type Getenv func(string) string

// Remote is a repository elsewhere. Close it.
type Remote interface {
	// Refs returns what the remote has, by full name ("refs/tags/v1"; "HEAD"); symbolic references are followed.
	Refs() map[string]Hash
	// Fetch puts want and what belongs to it (of a commit: its tree, not its parents) into dst.
	Fetch(ctx context.Context, dst *odb.Store, want Hash) error
	// Commits returns the commits whose names begin with these hexadecimal digits. Where the server cannot be asked, all
	// branches and tags are fetched into dst with their whole history.
	Commits(ctx context.Context, dst *odb.Store, digits string) ([]Hash, error)
	Close() error
}

// home is the user's folder, also where no HOME is set (a systemd unit); never one relative to the current folder.
func home(getenv Getenv) string {
	if dir := getenv("HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir
	}
	return "/nonexistent"
}

// ErrIdentity is in the chain of errors about a server that could not prove to be the one that the URL names.
var ErrIdentity = errors.New("the server's identity could not be verified")

// Address is a parsed URL.
type Address struct {
	Scheme string // "https", "ssh" or "file"
	User   string
	Host   string
	Port   int    // 0: the scheme's own
	Path   string // as the server is to see it
}

// Parse reads a URL, the form user@host:path, or an absolute path.
func Parse(raw string) (Address, error) {
	if strings.HasPrefix(raw, "/") {
		return Address{Scheme: "file", Path: path.Clean(raw)}, nil
	}
	if !strings.Contains(raw, "://") {
		return parseSCP(raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return Address{}, errors.New("not a URL") // its own text would repeat a password
	}
	a := Address{Scheme: strings.ToLower(u.Scheme), User: u.User.Username(), Host: u.Hostname(), Path: u.Path}
	if _, has := u.User.Password(); has {
		return Address{}, fmt.Errorf("a password in a URL ends in reports and locks: put it into ~/.netrc or %s", credentialsEnv)
	}
	if p := u.Port(); p != "" {
		if a.Port, err = strconv.Atoi(p); err != nil || a.Port < 1 || a.Port > 65535 {
			return Address{}, fmt.Errorf("port %q: not a port", p)
		}
	}
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		return Address{}, errors.New("a query or a fragment in the URL of a repository")
	case a.Scheme == "file" && a.Host != "" && a.Host != "localhost":
		return Address{}, fmt.Errorf("file://%s: a path after file:// begins with a slash", a.Host)
	case a.Scheme == "file":
		return Address{Scheme: "file", Path: path.Clean("/" + a.Path)}, nil
	case a.Scheme != "https" && a.Scheme != "ssh":
		return Address{}, fmt.Errorf("%s: not one of https, ssh, file", a.Scheme)
	case a.Host == "":
		return Address{}, errors.New("no host")
	case a.Path == "" || a.Path == "/":
		return Address{}, errors.New("no path to a repository")
	}
	if a.Scheme == "ssh" && strings.HasPrefix(a.Path, "/~") {
		a.Path = a.Path[1:] // the server's shell knows ~user
	}
	return a, a.check()
}

// parseSCP reads [user@]host:path.
func parseSCP(raw string) (Address, error) {
	host, name, found := strings.Cut(raw, ":")
	if !found || strings.Contains(host, "/") || name == "" || name[0] == ':' {
		return Address{}, errors.New("not a URL, not user@host:path and not an absolute path")
	}
	a := Address{Scheme: "ssh", Host: host, Path: name}
	if at := strings.LastIndex(host, "@"); at >= 0 {
		a.User, a.Host = host[:at], host[at+1:]
	}
	return a, a.check()
}

func (a Address) check() error {
	for _, part := range []string{a.User, a.Host, a.Path} {
		if strings.HasPrefix(part, "-") || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%q: not a part of a URL", part)
		}
	}
	if a.Host == "" || strings.ContainsAny(a.Host, " /@") {
		return fmt.Errorf("%q: not a host", a.Host)
	}
	return nil
}

// Open connects to the repository at a and reads its references. The context also bounds all that is done with the result.
func Open(ctx context.Context, a Address, getenv Getenv) (Remote, error) {
	switch a.Scheme {
	case "file":
		return openLocal(a.Path, getenv)
	case "ssh":
		return openWire(ctx, func() (session, error) { return dialSSH(ctx, a, getenv) })
	default:
		return openWire(ctx, func() (session, error) { return newHTTPS(a, getenv) })
	}
}

// session is the part of go-git's transport.UploadPackSession that is used: one upload-pack.
type session interface {
	AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error)
	UploadPack(context.Context, *packp.UploadPackRequest) (*packp.UploadPackResponse, error)
	Close() error
}

// wire speaks upload-pack over sessions, each of which serves one fetch.
type wire struct {
	dial       func() (session, error)
	s          session // nil when it was used
	advertised *packp.AdvRefs
	refs       map[string]Hash
}

func openWire(ctx context.Context, dial func() (session, error)) (Remote, error) {
	w := &wire{dial: dial}
	if err := w.connect(ctx); err != nil {
		w.Close()
		return nil, err
	}
	w.refs = map[string]Hash{}
	for name, h := range w.advertised.References {
		w.refs[name] = Hash(h)
	}
	if w.advertised.Head != nil {
		w.refs["HEAD"] = Hash(*w.advertised.Head)
	}
	return w, nil
}

func (w *wire) connect(ctx context.Context) (err error) {
	if w.s, err = w.dial(); err != nil {
		return err
	}
	w.advertised, err = w.s.AdvertisedReferencesContext(ctx)
	if err != nil && strings.Contains(err.Error(), "object-format=sha256") { // go-git stumbles over the longer names
		return errors.New("object format sha256 is not supported")
	}
	if err != nil {
		return printable{err}
	}
	return nil
}

func (w *wire) Refs() map[string]Hash { return w.refs }

func (w *wire) Close() error {
	if w.s == nil {
		return nil
	}
	s := w.s
	w.s = nil
	return s.Close()
}

func (w *wire) Fetch(ctx context.Context, dst *odb.Store, want Hash) error {
	advertised := false
	for _, h := range w.refs {
		advertised = advertised || h == want
	}
	caps := w.advertised.Capabilities
	if !advertised && !caps.Supports(capability.AllowReachableSHA1InWant) && !caps.Supports("allow-any-sha1-in-want") {
		return w.fetchAll(ctx, dst) // the server hands out what it advertises, and what leads there
	}
	req := packp.NewUploadPackRequestFromCapabilities(caps)
	req.Wants = []plumbing.Hash{plumbing.Hash(want)}
	if caps.Supports(capability.Shallow) {
		// No commits are offered as had already: without thin packs, which go-git does not read, a server leaves nothing out
		// for them in a fetch of this depth.
		req.Depth = packp.DepthCommits(1)
		req.Capabilities.Set(capability.Shallow)
	}
	return w.fetch(ctx, dst, req)
}

func (w *wire) Commits(ctx context.Context, dst *odb.Store, digits string) ([]Hash, error) {
	if err := w.fetchAll(ctx, dst); err != nil {
		return nil, err
	}
	return dst.Prefixed(digits)
}

func (w *wire) fetchAll(ctx context.Context, dst *odb.Store) error {
	req := packp.NewUploadPackRequestFromCapabilities(w.advertised.Capabilities)
	seen := map[Hash]bool{}
	for name, h := range w.refs {
		if (strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/")) && !seen[h] {
			seen[h] = true
			req.Wants = append(req.Wants, plumbing.Hash(h))
		}
	}
	if len(req.Wants) == 0 {
		return errors.New("the repository is empty")
	}
	return w.fetch(ctx, dst, req)
}

func (w *wire) fetch(ctx context.Context, dst *odb.Store, req *packp.UploadPackRequest) error {
	if w.s == nil {
		if err := w.connect(ctx); err != nil {
			return err
		}
	}
	s := w.s
	w.s = nil
	defer s.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(maxSilence, func() { cancel(fmt.Errorf("timed out after %v without a word from the server", maxSilence)) })
	defer silence.Stop()
	response, err := s.UploadPack(ctx, req)
	if err != nil {
		return wireError(ctx, err)
	}
	defer response.Close()
	heard := &heardReader{response, silence}
	return dst.Ingest(ctx, func(out io.Writer) error {
		var in io.Reader = heard
		if req.Capabilities.Supports(capability.Sideband64k) {
			in = sideband.NewDemuxer(sideband.Sideband64k, heard)
		} else if req.Capabilities.Supports(capability.Sideband) {
			in = sideband.NewDemuxer(sideband.Sideband, heard)
		}
		_, err := io.Copy(out, in)
		silence.Stop()
		return wireError(ctx, err)
	})
}

// maxSilence bounds the wait for the next bytes of a pack. A server that is still gathering objects sends a sign of life every five seconds.
const maxSilence = time.Minute

// heardReader puts the end of patience off at each byte.
type heardReader struct {
	r       io.Reader
	silence *time.Timer
}

// Read reads.
func (h *heardReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if n > 0 {
		h.silence.Reset(maxSilence)
	}
	return n, err
}

// wireError is why an exchange ended: that its time was over rather than what that broke.
func wireError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return printable{err}
}

// printable is an error that may repeat what a server said: shortened, and without control characters.
type printable struct{ error }

func (p printable) Unwrap() error { return p.error }

func (p printable) Error() string {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, p.error.Error())
	return strings.TrimSpace(text[:min(len(text), 400)])
}
