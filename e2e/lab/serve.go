package lab

import (
	"context"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/nodeapply/apply/e2e/lab/repo"
)

// TempDir makes a folder on this machine that is removed with the lab, also when the test process is killed.
func (l *Lab) TempDir() (string, error) { return os.MkdirTemp(l.keeper.Tmp, "") }

// Serve answers HTTP requests of the nodes with h until the lab is closed, and returns the URL, http://10.77.0.1:PORT.
func (l *Lab) Serve(h http.Handler) (url string, err error) {
	ln, err := l.listen("tcp", net.JoinHostPort(Addr, "0"))
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second}
	l.mu.Lock()
	l.servers = append(l.servers, srv)
	l.mu.Unlock()
	l.serving.Go(func() { srv.Serve(ln) }) // always ends with an error: the one of Close
	return "http://" + ln.Addr().String(), nil
}

// Repo is a package repository that the nodes reach.
type Repo struct {
	URL string
	Key string // the armored public key that packages and indexes are signed with

	dir     string
	key     *repo.Key
	publish func(ctx context.Context, dir string, key *repo.Key, packages ...string) error
}

// AptRepo serves .deb files, by name, as the suite "stable" with the component "main".
func (l *Lab) AptRepo(ctx context.Context, debs ...string) (*Repo, error) {
	return l.repo(ctx, repo.Apt, debs)
}

// YumRepo serves .rpm files, by name.
func (l *Lab) YumRepo(ctx context.Context, rpms ...string) (*Repo, error) {
	return l.repo(ctx, repo.Yum, rpms)
}

func (l *Lab) repo(ctx context.Context, publish func(context.Context, string, *repo.Key, ...string) error, packages []string) (*Repo, error) {
	home, err := l.TempDir()
	if err != nil {
		return nil, err
	}
	r := &Repo{publish: publish}
	if r.dir, err = l.TempDir(); err != nil {
		return nil, err
	}
	if r.key, err = repo.NewKey(ctx, home); err != nil {
		return nil, err
	}
	r.Key = r.key.Armored
	if err := r.Add(ctx, packages...); err != nil {
		return nil, err
	}
	r.URL, err = l.Serve(http.FileServer(http.Dir(r.dir)))
	return r, err
}

// Add publishes further packages, such as newer versions, beside those that are there.
func (r *Repo) Add(ctx context.Context, packages ...string) error {
	return r.publish(ctx, r.dir, r.key, packages...)
}
